package dev.serval.storage.safetensors.format;

import dev.serval.api.compute.DType;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/** The element types of the format, under its own names; Serval computes with some of them. */
public enum ElementType {
  BOOL(8),
  F4(4),
  F6_E2M3(6),
  F6_E3M2(6),
  U8(8),
  I8(8),
  F8_E5M2(8),
  F8_E4M3(8),
  F8_E8M0(8),
  F8_E4M3FNUZ(8),
  F8_E5M2FNUZ(8),
  I16(16),
  U16(16),
  F16(DType.F16),
  BF16(DType.BF16),
  I32(32),
  U32(32),
  F32(DType.F32),
  C64(64),
  F64(64),
  I64(64),
  U64(64);

  private final int bits;
  private final Optional<DType> dtype;

  ElementType(int bits) {
    this.bits = bits;
    dtype = Optional.empty();
  }

  ElementType(DType dtype) {
    bits = Math.toIntExact(Byte.SIZE * dtype.bytes(1));
    this.dtype = Optional.of(dtype);
  }

  static Optional<ElementType> named(String name) {
    return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
  }

  static String names() {
    return Arrays.stream(values()).map(Enum::name).collect(Collectors.joining(", "));
  }

  static String computable() {
    return Arrays.stream(values())
        .filter(type -> type.dtype.isPresent())
        .map(Enum::name)
        .collect(Collectors.joining(", "));
  }

  public int bits() {
    return bits;
  }

  public Optional<DType> dtype() {
    return dtype;
  }
}
