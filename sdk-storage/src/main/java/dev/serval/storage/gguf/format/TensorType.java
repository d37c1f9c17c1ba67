package dev.serval.storage.gguf.format;

import dev.serval.api.compute.DType;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * The types of tensors, by their numbers in the format; Serval computes with some of them. Numbers
 * that are missing here were withdrawn from the format.
 */
enum TensorType {
  F32(0, DType.F32),
  F16(1, DType.F16),
  Q4_0(2, DType.Q4_0),
  Q4_1(3, DType.Q4_1),
  Q5_0(6, DType.Q5_0),
  Q5_1(7, DType.Q5_1),
  Q8_0(8, DType.Q8_0),
  Q8_1(9),
  Q2_K(10, DType.Q2_K),
  Q3_K(11, DType.Q3_K),
  Q4_K(12, DType.Q4_K),
  Q5_K(13, DType.Q5_K),
  Q6_K(14, DType.Q6_K),
  Q8_K(15),
  IQ2_XXS(16, DType.IQ2_XXS),
  IQ2_XS(17, DType.IQ2_XS),
  IQ3_XXS(18, DType.IQ3_XXS),
  IQ1_S(19, DType.IQ1_S),
  IQ4_NL(20, DType.IQ4_NL),
  IQ3_S(21, DType.IQ3_S),
  IQ2_S(22, DType.IQ2_S),
  IQ4_XS(23, DType.IQ4_XS),
  I8(24),
  I16(25),
  I32(26),
  I64(27),
  F64(28),
  IQ1_M(29, DType.IQ1_M),
  BF16(30, DType.BF16),
  TQ1_0(34, DType.TQ1_0),
  TQ2_0(35, DType.TQ2_0),
  MXFP4(39, DType.MXFP4),
  NVFP4(40),
  Q1_0(41),
  Q2_0(42);

  private final int number;
  private final Optional<DType> dtype;

  TensorType(int number) {
    this.number = number;
    dtype = Optional.empty();
  }

  TensorType(int number, DType dtype) {
    this.number = number;
    this.dtype = Optional.of(dtype);
  }

  static Optional<DType> dtype(long number) {
    return numbered(number).flatMap(type -> type.dtype);
  }

  static String name(long number) {
    return numbered(number).map(Enum::name).orElse("number " + number);
  }

  private static Optional<TensorType> numbered(long number) {
    return Arrays.stream(values()).filter(type -> type.number == number).findFirst();
  }

  static String computable() {
    return Arrays.stream(values())
        .filter(type -> type.dtype.isPresent())
        .map(Enum::name)
        .collect(Collectors.joining(", "));
  }
}
