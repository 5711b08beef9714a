// A cache of pictures. Input: JPEG files from Python. Output: object URLs, which an <img> can show.
// When there is no more room, the pictures go that have not been used for the longest time.

import { FETCHED } from "./geometry.js";

export const ORIGINAL = 0; // stands for the size of a picture with all its pixels

export class Pictures {
  /** @param {number} limit bytes of pictures that are kept */
  constructor(limit) {
    this.limit = limit;
    this.held = 0; // bytes
    /** @type {Map<string, { url: string, length: number }>} */
    this.kept = new Map(); // the latest used picture is last
  }

  /**
   * Return the URL of a picture, or null where it is not here.
   * @param {string} id
   * @param {number} pixels
   */
  get(id, pixels) {
    const key = `${pixels}/${id}`, found = this.kept.get(key);
    if (!found) return null;
    this.kept.delete(key); // and add it again, so that it is the last one
    this.kept.set(key, found);
    return found.url;
  }

  /**
   * Return the URL of the picture at the size wanted, or at any other until that one is here.
   * @param {string} id
   * @param {number} pixels
   */
  nearest(id, pixels) {
    for (const tried of [pixels, ...FETCHED]) {
      const url = this.get(id, tried);
      if (url) return url;
    }
    return null;
  }

  /**
   * Keep a picture.
   * @param {string} id
   * @param {number} pixels
   * @param {BlobPart} bytes
   */
  put(id, pixels, bytes) {
    this.drop(`${pixels}/${id}`);
    const blob = new Blob([bytes], { type: "image/jpeg" });
    this.kept.set(`${pixels}/${id}`, { url: URL.createObjectURL(blob), length: blob.size });
    this.held += blob.size;
    for (const oldest of this.kept.keys()) {
      if (this.held <= this.limit || this.kept.size === 1) break;
      this.drop(oldest);
    }
  }

  /** @param {string} key */
  drop(key) {
    const found = this.kept.get(key);
    if (!found) return;
    URL.revokeObjectURL(found.url);
    this.held -= found.length;
    this.kept.delete(key);
  }

  clear() {
    for (const key of [...this.kept.keys()]) this.drop(key);
  }
}
