package dev.serval.gpu.driver;

import java.util.List;

/** A function of a library's that gives a 32-bit result. */
public interface NativeFunction {
  /**
   * How it is called.
   *
   * @return its name and parameters
   */
  Signature signature();

  /**
   * The name that the library has it under.
   *
   * @return the symbol
   */
  default String symbol() {
    return signature().symbol();
  }

  /**
   * What it is called with.
   *
   * @return its parameters in order
   */
  default List<Parameter> parameters() {
    return signature().parameters();
  }

  /**
   * How a function is called.
   *
   * @param symbol the name that the library has it under
   * @param parameters in order
   */
  record Signature(String symbol, List<Parameter> parameters) {
    /**
     * Of parameters.
     *
     * @param symbol the name
     * @param parameters in order
     * @return the signature
     */
    public static Signature of(String symbol, Parameter... parameters) {
      return new Signature(symbol, List.of(parameters));
    }
  }
}
