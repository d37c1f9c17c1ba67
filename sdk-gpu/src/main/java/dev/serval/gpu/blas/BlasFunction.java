package dev.serval.gpu.blas;

import static dev.serval.gpu.driver.Parameter.INT;
import static dev.serval.gpu.driver.Parameter.LONG;
import static dev.serval.gpu.driver.Parameter.POINTER;

import dev.serval.gpu.driver.NativeFunction;
import dev.serval.gpu.driver.Parameter;

/** cuBLASLt's functions that are called here. Every one gives a {@code cublasStatus_t}. */
enum BlasFunction implements NativeFunction {
  CREATE("cublasLtCreate", POINTER),
  DESTROY("cublasLtDestroy", POINTER),
  PROPERTY("cublasLtGetProperty", INT, POINTER),
  LAYOUT_CREATE("cublasLtMatrixLayoutCreate", POINTER, INT, LONG, LONG, LONG),
  LAYOUT_DESTROY("cublasLtMatrixLayoutDestroy", POINTER),
  PRODUCT_CREATE("cublasLtMatmulDescCreate", POINTER, INT, INT),
  PRODUCT_DESTROY("cublasLtMatmulDescDestroy", POINTER),
  PRODUCT_SET("cublasLtMatmulDescSetAttribute", POINTER, INT, POINTER, LONG),
  PREFERENCE_CREATE("cublasLtMatmulPreferenceCreate", POINTER),
  PREFERENCE_DESTROY("cublasLtMatmulPreferenceDestroy", POINTER),
  PREFERENCE_SET("cublasLtMatmulPreferenceSetAttribute", POINTER, INT, POINTER, LONG),
  HEURISTIC(
      "cublasLtMatmulAlgoGetHeuristic",
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      INT,
      POINTER,
      POINTER),
  PRODUCT(
      "cublasLtMatmul",
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      POINTER,
      LONG,
      POINTER);

  private final Signature signature;

  BlasFunction(String symbol, Parameter... parameters) {
    signature = Signature.of(symbol, parameters);
  }

  @Override
  public Signature signature() {
    return signature;
  }
}
