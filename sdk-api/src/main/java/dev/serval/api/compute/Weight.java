package dev.serval.api.compute;

/**
 * A weight as its backend keeps it: mapped, repacked or on a device. Only the backend that loaded
 * it can use it, for as long as the backend is open.
 */
public interface Weight {
  /**
   * Its rows.
   *
   * @return the outputs of a linear map; 1 for a vector
   */
  int rows();

  /**
   * Its columns.
   *
   * @return the inputs of a linear map; the length of a vector
   */
  int columns();

  /**
   * How its elements are kept.
   *
   * @return the type it was stored in; that of the first part where parts were of several
   */
  DType dtype();
}
