package dev.serval.gpu.driver;

/**
 * The context is of no more use: a kernel went wrong, the memory failed, or the device fell off the
 * bus. Every later call on the context fails alike; what is on the device is lost, and all that can
 * be done with the context's handles is to close them. A new context may work.
 */
public final class DeviceLostException extends DriverException {
  private static final long serialVersionUID = 1L;

  DeviceLostException(String function, int code, String codeName, String sentence) {
    super(function, code, codeName, sentence);
  }
}
