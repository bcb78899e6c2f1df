/** The parts of a browser that the report's script uses. */

export interface PageElement {
  textContent: string | null;
  hidden: boolean;
  value: string;
  checked: boolean;
  readonly dataset: Readonly<Record<string, string | undefined>>;
  readonly clientWidth: number;
  readonly cellIndex: number;
  readonly classList: { add(name: string): void; remove(name: string): void; contains(name: string): boolean };
  getAttribute(name: string): string | null;
  setAttribute(name: string, value: string): void;
  removeAttribute(name: string): void;
  append(...children: readonly PageElement[]): void;
  closest(selector: string): PageElement | null;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
  getBoundingClientRect(): { readonly left: number; readonly top: number; readonly width: number };
  addEventListener(name: string, listener: (event: PageEvent) => void): void;
}

export interface PageEvent {
  readonly clientX: number;
  readonly clientY: number;
}

export interface Page {
  readonly document: Pick<PageElement, "querySelector" | "querySelectorAll"> & {
    readonly documentElement: PageElement;
  };
  readonly devicePixelRatio: number;
  readonly uPlot: new (options: object, data: readonly (readonly (number | null)[])[], target: PageElement) => Chart;
  readonly ResizeObserver: new (listener: () => void) => { observe(element: PageElement): void };
  getComputedStyle(element: PageElement): { getPropertyValue(name: string): string };
  matchMedia(query: string): { addEventListener(name: "change", listener: () => void): void };
  addEventListener(name: string, listener: () => void): void;
}

/** A chart of uPlot. */
export interface Chart {
  readonly ctx: {
    strokeStyle: string;
    lineWidth: number;
    save(): void;
    restore(): void;
    beginPath(): void;
    setLineDash(dashes: readonly number[]): void;
    moveTo(x: number, y: number): void;
    lineTo(x: number, y: number): void;
    stroke(): void;
  };
  readonly bbox: { readonly left: number; readonly top: number; readonly width: number; readonly height: number };
  valToPos(value: number, scale: string, isCanvas: boolean): number;
  destroy(): void;
}
