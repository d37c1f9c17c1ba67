package dev.serval.gpu.blas;

import dev.serval.api.ServalException;

/** A call of cuBLASLt that did not succeed. */
public final class BlasException extends ServalException {
  private static final long serialVersionUID = 1L;

  BlasException(BlasFunction function, int status) {
    super("%s failed with cublasStatus_t %d".formatted(function.symbol(), status));
  }
}
