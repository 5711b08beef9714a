// Review in the full window: the grid lies over the whole page, in the browser's top layer, which no
// transformed or clipped ancestor can hold back. From there it goes on to the full screen.

import { make } from "./elements.js";

/** @import { Grid } from "./grid.js" */

export class Review {
  /**
   * @param {Grid} grid
   * @param {...Node} children
   */
  constructor(grid, ...children) {
    this.grid = grid;
    this.frame = make("dialog", { class: "o2u-whole", role: "group" }, ...children);
    this.frame.setAttribute("open", ""); // not by `show`, which would take the focus
    this.frame.addEventListener("cancel", (event) => event.preventDefault());
    this.frame.addEventListener("close", () => this.closed());
    this.onFullScreen = () => this.isOpen && this.settle();
    document.addEventListener("fullscreenchange", this.onFullScreen);
    this.isOpen = false;
  }

  get isFullScreen() {
    return document.fullscreenElement === this.grid.root;
  }

  toggle() {
    this.isOpen = !this.isOpen;
    if (!this.isOpen && this.isFullScreen) document.exitFullscreen();
    this.settle();
  }

  /** Fill the screen, or no more than the window. */
  async toggleScreen() {
    try {
      await (this.isFullScreen ? document.exitFullscreen() : this.grid.root.requestFullscreen());
    } catch {
      this.grid.say("This browser does not permit full screen here.", true);
    }
  }

  /** Bring the page into step with `isOpen`: a modal dialog, unless the root fills the screen. */
  settle() {
    const { frame, isOpen } = this, isModal = isOpen && !this.isFullScreen;
    frame.classList.toggle("o2u-full", isOpen);
    frame.setAttribute("role", isOpen ? "dialog" : "group");
    frame.setAttribute("aria-label", isOpen ? "Review" : "Suspects");
    if (!frame.open || frame.matches(":modal") !== isModal) {
      frame.close(); // without it, a modal dialog would stay one, and the page out of reach
      if (isModal) frame.showModal();
      else frame.setAttribute("open", "");
    }
    this.grid.toolbar.show();
    this.grid.room.fit();
    this.grid.list.resized();
    this.grid.list.reveal();
    this.grid.takeFocus();
  }

  /** The browser has closed the dialog, as a second Escape may. */
  closed() {
    if (this.frame.open) return;
    this.isOpen = false;
    this.settle();
  }

  destroy() {
    document.removeEventListener("fullscreenchange", this.onFullScreen);
  }
}
