package dev.serval.api.gpu;

/** How much a transfer matters beside what else the device does. */
public enum TransferPriority {
  /** Somebody waits for it: it goes as fast as it can, and first. */
  URGENT,
  /**
   * It is not to disturb: it goes in small pieces, few of which are under way at a time, so that an
   * urgent one, or a step's own copies, hardly wait behind it.
   */
  BACKGROUND
}
