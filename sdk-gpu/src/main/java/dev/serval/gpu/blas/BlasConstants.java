package dev.serval.gpu.blas;

/** cuBLASLt's numbers that are used here, by the names they have in its headers. */
final class BlasConstants {
  static final int CUBLAS_STATUS_SUCCESS = 0;
  static final int CUBLAS_COMPUTE_32F = 68;
  static final int CUBLAS_OP_T = 1;
  static final int CUDA_R_32F = 0;
  static final int CUDA_R_16BF = 14;
  static final int CUBLASLT_MATMUL_DESC_TRANSA = 3;
  static final int CUBLASLT_MATMUL_DESC_EPILOGUE = 7;
  static final int CUBLASLT_MATMUL_DESC_BIAS_POINTER = 8;
  static final int CUBLASLT_EPILOGUE_BIAS = 4;
  static final int CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1;
  static final int MAJOR_VERSION = 0;
  static final int MINOR_VERSION = 1;
  static final int PATCH_LEVEL = 2;

  private BlasConstants() {}
}
