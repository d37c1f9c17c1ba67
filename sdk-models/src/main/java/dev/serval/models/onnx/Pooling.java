package dev.serval.models.onnx;

import java.nio.FloatBuffer;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Makes one vector of a text's tokens.
 *
 * @param dimensions how long a vector is
 * @param pooled whether the graph gives a vector for each text already
 * @param firstToken whether the first token stands for the text, and not the mean of all
 * @param normalised whether vectors are divided by their length
 */
record Pooling(int dimensions, boolean pooled, boolean firstToken, boolean normalised) {
  /**
   * The vectors of a batch.
   *
   * @param values what the graph gave, text by text
   * @param texts the tokens of each text
   * @param longest how many vectors each text has there
   */
  List<float[]> vectors(FloatBuffer values, List<int[]> texts, int longest) {
    int stride = pooled ? 1 : longest;
    return IntStream.range(0, texts.size())
        .mapToObj(i -> vector(values, i * stride, pooled || firstToken ? 1 : texts.get(i).length))
        .toList();
  }

  private float[] vector(FloatBuffer values, int row, int tokens) {
    float[] vector = new float[dimensions];
    for (int token = 0; token < tokens; token++) {
      int at = (row + token) * dimensions;
      for (int i = 0; i < dimensions; i++) {
        vector[i] += values.get(at + i);
      }
    }
    scale(vector, 1.0 / (normalised ? length(vector) : tokens));
    return vector;
  }

  private static double length(float[] vector) {
    double squares = 0;
    for (float value : vector) {
      squares += (double) value * value;
    }
    return Math.max(Math.sqrt(squares), Float.MIN_NORMAL);
  }

  private static void scale(float[] vector, double factor) {
    for (int i = 0; i < vector.length; i++) {
      vector[i] = (float) (vector[i] * factor);
    }
  }
}
