import { Component, type ReactNode } from "react";
import { Button } from "./Button";

/** What fails to draw is told to the server, and does not take the rest of the page with it. */
export class Boundary extends Component<{ children: ReactNode }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override componentDidCatch(error: unknown) {
    reportError(error);
  }

  override render() {
    if (!this.state.broken) return this.props.children;
    return (
      <div role="alert" className="m-auto p-8 text-center">
        <p className="mb-3 text-ink-2">This part could not be shown. What you wrote is kept.</p>
        <Button onClick={() => location.reload()}>Load the page again</Button>
      </div>
    );
  }
}
