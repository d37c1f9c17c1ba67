package dev.serval.gpu.driver;

import dev.serval.api.ServalException;

/**
 * A call of the driver that did not succeed: which function, the driver's name for what went wrong,
 * and a sentence. What a caller may want to react to has a type of its own.
 */
public sealed class DriverException extends ServalException
    permits DeviceLostException, OutOfDeviceMemoryException {
  private static final long serialVersionUID = 1L;

  private final String function;
  private final int code;
  private final String codeName;

  DriverException(String function, int code, String codeName, String sentence) {
    super(sentence);
    this.function = function;
    this.code = code;
    this.codeName = codeName;
  }

  /**
   * The function that failed.
   *
   * @return its name, such as {@code cuModuleLoadDataEx}
   */
  public String function() {
    return function;
  }

  /**
   * The driver's number for what went wrong.
   *
   * @return the {@code CUresult}
   */
  public int code() {
    return code;
  }

  /**
   * The driver's name for what went wrong.
   *
   * @return such as {@code CUDA_ERROR_INVALID_VALUE}
   */
  public String codeName() {
    return codeName;
  }
}
