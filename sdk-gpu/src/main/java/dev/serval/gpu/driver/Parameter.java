package dev.serval.gpu.driver;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** What a parameter of a C function is, as far as calling it goes. */
public enum Parameter {
  /** An integer of 32 bits with or without a sign, or an enumeration. */
  INT(ValueLayout.JAVA_INT),
  /** An integer of 64 bits, an address on the device included. */
  LONG(ValueLayout.JAVA_LONG),
  /** A character. */
  BYTE(ValueLayout.JAVA_BYTE),
  /** A pointer or a handle, passed as its 64 bits. */
  POINTER(ValueLayout.JAVA_LONG);

  private final MemoryLayout layout;

  Parameter(MemoryLayout layout) {
    this.layout = layout;
  }

  /**
   * The type of a function that gives an {@code int}.
   *
   * @param parameters its parameters
   * @return the type
   */
  public static FunctionDescriptor function(List<Parameter> parameters) {
    return FunctionDescriptor.of(
        ValueLayout.JAVA_INT,
        parameters.stream().map(type -> type.layout).toArray(MemoryLayout[]::new));
  }
}
