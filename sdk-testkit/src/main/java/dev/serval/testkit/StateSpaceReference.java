package dev.serval.testkit;

import dev.serval.api.compute.StateSpaceShape;
import java.util.Arrays;

/**
 * A layer of state spaces in float64, one row after the other and head by head. Knows nothing of
 * the code under test.
 */
final class StateSpaceReference {
  private final StateSpaceShape shape;
  private final Vectors vectors;
  private final int normGroups;
  private final double epsilon;

  /** What a layer has learnt; a bias or a norm without elements is none. */
  static final class Vectors {
    private final float[] convolution;
    private final float[] bias;
    private final float[] decay;
    private final float[] timeBias;
    private final float[] skip;
    private final float[] norm;

    Vectors(
        float[] convolution,
        float[] bias,
        float[] decay,
        float[] timeBias,
        float[] skip,
        float[] norm) {
      this.convolution = convolution;
      this.bias = bias;
      this.decay = decay;
      this.timeBias = timeBias;
      this.skip = skip;
      this.norm = norm;
    }
  }

  /**
   * A layer.
   *
   * @param normGroups into how many parts a norm cuts a row; 0 for no norm
   */
  StateSpaceReference(StateSpaceShape shape, Vectors vectors, int normGroups, double epsilon) {
    this.shape = shape;
    this.vectors = vectors;
    this.normGroups = normGroups;
    this.epsilon = epsilon;
  }

  /** What it makes of a sequence's rows. */
  double[][] of(double[][] rows) {
    double[][] out = new double[rows.length][shape.inner()];
    double[][] convolved = new double[rows.length][];
    for (int t = 0; t < rows.length; t++) {
      convolved[t] = convolved(rows, t);
    }
    for (int head = 0; head < shape.heads(); head++) {
      scan(head, rows, convolved, out);
    }
    for (int t = 0; t < rows.length; t++) {
      for (int i = 0; i < shape.inner(); i++) {
        double gate = rows[t][i];
        out[t][i] *= gate * Float64.sigmoid(gate);
      }
      out[t] = normed(out[t]);
    }
    return out;
  }

  private void scan(int head, double[][] rows, double[][] convolved, double[][] out) {
    int dims = shape.headDim();
    int group = head / (shape.heads() / shape.groups());
    int key = shape.inner() + group * shape.stateDim();
    int query = key + shape.groups() * shape.stateDim();
    double[][] state = new double[shape.stateDim()][dims];
    for (int t = 0; t < rows.length; t++) {
      double step = rows[t][shape.inner() + shape.channels() + head] + vectors.timeBias[head];
      double time = Math.log1p(Math.exp(step));
      double kept = Math.exp(-vectors.decay[head] * time);
      double[] x = Arrays.copyOfRange(convolved[t], head * dims, (head + 1) * dims);
      for (int j = 0; j < dims; j++) {
        double sum = vectors.skip[head] * x[j];
        for (int i = 0; i < shape.stateDim(); i++) {
          state[i][j] = kept * state[i][j] + time * convolved[t][key + i] * x[j];
          sum += state[i][j] * convolved[t][query + i];
        }
        out[t][head * dims + j] = sum;
      }
    }
  }

  private double[] convolved(double[][] rows, int t) {
    double[] out = Float64.convolved(rows, t, shape.inner(), vectors.convolution, shape.channels());
    for (int i = 0; i < out.length; i++) {
      double sum = out[i] + (vectors.bias.length == 0 ? 0 : vectors.bias[i]);
      out[i] = sum * Float64.sigmoid(sum);
    }
    return out;
  }

  private double[] normed(double[] row) {
    double[] out = row.clone();
    int columns = normGroups == 0 ? 0 : row.length / normGroups;
    for (int group = 0; group < normGroups; group++) {
      int from = group * columns;
      double[] part = Arrays.copyOfRange(row, from, from + columns);
      float[] gains = Arrays.copyOfRange(vectors.norm, from, from + columns);
      System.arraycopy(Float64.rmsNorm(part, gains, epsilon), 0, out, from, columns);
    }
    return out;
  }
}
