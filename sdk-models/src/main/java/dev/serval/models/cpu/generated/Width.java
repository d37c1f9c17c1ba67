package dev.serval.models.cpu.generated;

/** How much of a vector register an instruction works on. */
enum Width {
  /** 128 bits. */
  XMM(0),
  /** 256 bits. */
  YMM(1),
  /** 512 bits. */
  ZMM(2);

  private final int code;

  Width(int code) {
    this.code = code;
  }

  /** How instructions name it. */
  int code() {
    return code;
  }

  int bytes() {
    return 16 << code;
  }

  /** How many 32-bit elements there are. */
  int lanes() {
    return bytes() / Integer.BYTES;
  }
}
