package dev.serval.testkit;

import dev.serval.api.compute.DeltaNetShape;
import java.util.Arrays;

/**
 * A layer of gated delta networks in float64, one row after the other and head by head. Knows
 * nothing of the code under test.
 */
final class DeltaNetReference {
  private static final double LENGTH_EPSILON = 1e-6;

  private final DeltaNetShape shape;
  private final boolean tiled;
  private final double epsilon;
  private final float[] convolution;
  private final float[] decay;
  private final float[] timeBias;
  private final float[] norm;

  /**
   * A layer.
   *
   * @param shape its sizes
   * @param tiled whether value heads go round the key heads, and not to each in a run
   * @param epsilon what the norm adds
   * @param convolution by what each channel is multiplied, tap after tap
   * @param decay of each value head
   * @param timeBias of each value head
   * @param norm the gain of each dimension of a value
   */
  DeltaNetReference(
      DeltaNetShape shape,
      boolean tiled,
      double epsilon,
      float[] convolution,
      float[] decay,
      float[] timeBias,
      float[] norm) {
    this.shape = shape;
    this.tiled = tiled;
    this.epsilon = epsilon;
    this.convolution = convolution;
    this.decay = decay;
    this.timeBias = timeBias;
    this.norm = norm;
  }

  /** What it makes of a sequence's rows. */
  double[][] of(double[][] rows) {
    double[][] out = new double[rows.length][shape.valueColumns()];
    double[][] convolved = new double[rows.length][];
    for (int t = 0; t < rows.length; t++) {
      convolved[t] = convolved(rows, t);
    }
    for (int head = 0; head < shape.valueHeads(); head++) {
      recall(head, rows, convolved, out);
    }
    return out;
  }

  private void recall(int head, double[][] rows, double[][] convolved, double[][] out) {
    int keys = shape.keyColumns();
    int dims = shape.valueDim();
    int gates = shape.channels() + head * dims;
    int strength = shape.channels() + shape.valueColumns() + head;
    int time = strength + shape.valueHeads();
    int group = shape.valueHeads() / shape.keyHeads();
    int query = (tiled ? head % shape.keyHeads() : head / group) * shape.keyDim();
    double[][] memory = new double[shape.keyDim()][dims];
    for (int t = 0; t < rows.length; t++) {
      double[] x = convolved[t];
      double[] q = ofLengthOne(Arrays.copyOfRange(x, query, query + shape.keyDim()));
      double[] k = ofLengthOne(Arrays.copyOfRange(x, keys + query, keys + query + q.length));
      double[] v = Arrays.copyOfRange(x, 2 * keys + head * dims, 2 * keys + (head + 1) * dims);
      double kept = Math.exp(-decay[head] * Math.log1p(Math.exp(rows[t][time] + timeBias[head])));
      remember(memory, kept, k, v, Float64.sigmoid(rows[t][strength]));
      double[] known = known(memory, q);
      Arrays.setAll(known, i -> known[i] / Math.sqrt(shape.keyDim()));
      double[] normed = Float64.rmsNorm(known, norm, epsilon);
      for (int i = 0; i < dims; i++) {
        double gate = rows[t][gates + i];
        out[t][head * dims + i] = normed[i] * gate * Float64.sigmoid(gate);
      }
    }
  }

  private double[] convolved(double[][] rows, int t) {
    double[] sums = Float64.convolved(rows, t, 0, convolution, shape.channels());
    return Arrays.stream(sums).map(sum -> sum * Float64.sigmoid(sum)).toArray();
  }

  private static double[] ofLengthOne(double[] x) {
    double length = Math.sqrt(Float64.dot(x, x) + LENGTH_EPSILON);
    return Arrays.stream(x).map(element -> element / length).toArray();
  }

  private static void remember(
      double[][] memory, double kept, double[] k, double[] v, double strength) {
    for (double[] row : memory) {
      Arrays.setAll(row, j -> kept * row[j]);
    }
    double[] known = known(memory, k);
    for (int i = 0; i < k.length; i++) {
      for (int j = 0; j < v.length; j++) {
        memory[i][j] += strength * k[i] * (v[j] - known[j]);
      }
    }
  }

  private static double[] known(double[][] memory, double[] key) {
    double[] out = new double[memory[0].length];
    for (int i = 0; i < key.length; i++) {
      for (int j = 0; j < out.length; j++) {
        out[j] += key[i] * memory[i][j];
      }
    }
    return out;
  }
}
