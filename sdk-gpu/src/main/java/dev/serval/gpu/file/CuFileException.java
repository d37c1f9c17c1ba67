package dev.serval.gpu.file;

import dev.serval.api.ServalException;

/** cuFile refused something. */
public final class CuFileException extends ServalException {
  private static final long serialVersionUID = 1L;

  CuFileException(String what, int code) {
    super("cuFile %s (CUfileOpError %d)".formatted(what, code));
  }
}
