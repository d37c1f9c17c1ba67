package dev.serval.models.cpu.recurrent;

/** How a tier of kernels computes layers that carry a state along. */
public interface RecurrentKernel {
  /**
   * Convolves some channels of a row with those of the rows before it.
   *
   * @param work what is convolved, by what and where to
   * @param history the same channels of the rows before it, the oldest first; not changed
   * @param row which row
   * @param channel the first of the channels
   * @param count how many there are
   * @param worker who computes
   */
  void convolve(ConvolutionWork work, float[] history, int row, int channel, int count, int worker);

  /**
   * Goes through consecutive rows of a sequence: for each, the matrix forgets, learns the row's
   * value under its key, and gives what it knows under its query. A column's numbers depend on no
   * other column's.
   *
   * @param work the layer, with {@link RecallWork#kept} and {@link RecallWork#strengths} of these
   *     rows
   * @param head which value head
   * @param row the first row
   * @param rows how many there are
   * @param matrix where the head's matrix is, in bytes
   * @param column the first column to go through; those before it are left alone
   * @param worker who computes
   */
  void recall(RecallWork work, int head, int row, int rows, long matrix, int column, int worker);
}
