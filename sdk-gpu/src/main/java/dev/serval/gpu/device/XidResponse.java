package dev.serval.gpu.device;

/**
 * What an Xid, the driver's number for something that went wrong on a device, means for its use.
 */
public enum XidResponse {
  /** It tells of something that was dealt with, or that another event tells of. */
  IGNORE,
  /** A program did something wrong, or lost its work; the device is as good as before. */
  APPLICATION_ERROR,
  /** The device may be used again when it has been quiet for a while. */
  RECOVERABLE,
  /** The device is of no use until it was reset. */
  UNHEALTHY_UNTIL_RESET
}
