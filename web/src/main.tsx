import "./styles/index.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { actions } from "./core";
import { App } from "./ui/App";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
void actions.start();
