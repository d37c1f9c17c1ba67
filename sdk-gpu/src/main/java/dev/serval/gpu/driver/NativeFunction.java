package dev.serval.gpu.driver;

import java.util.List;

/** A function of a library's that gives a 32-bit result. */
public interface NativeFunction {
  /**
   * The name that the library has it under.
   *
   * @return the symbol
   */
  String symbol();

  /**
   * What it takes.
   *
   * @return its parameters in order
   */
  List<Parameter> parameters();
}
