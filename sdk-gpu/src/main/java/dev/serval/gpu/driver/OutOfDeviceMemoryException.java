package dev.serval.gpu.driver;

/** The device, or the system for pinned memory, does not have the memory that was asked for. */
public final class OutOfDeviceMemoryException extends DriverException {
  private static final long serialVersionUID = 1L;

  OutOfDeviceMemoryException(String function, int code, String codeName, String sentence) {
    super(function, code, codeName, sentence);
  }
}
