import "fake-indexeddb/auto";
import { configure } from "@testing-library/dom";
import { PATIENCE_MS } from "./core/fixtures";

configure({ asyncUtilTimeout: PATIENCE_MS });
