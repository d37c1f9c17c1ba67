package dev.serval.command.bench;

import dev.serval.api.compute.DType;
import java.util.Set;

/**
 * How fast a model could be on a machine: a step takes at least as long as the machine takes to
 * read its bytes, or to do its operations, whichever is longer (Williams, Waterman and Patterson,
 * <a href="https://doi.org/10.1145/1498765.1498785">Roofline</a>).
 *
 * @param peaks what the machine does at most
 * @param instructions the instructions that multiply the model's type, and how many times as many
 *     operations they do as F32's
 * @param work what the model's steps take
 */
public record Roofline(MachinePeaks peaks, Instructions instructions, ModelWork work) {
  /**
   * What multiplies a type.
   *
   * @param name the instructions' name
   * @param gain how many operations they do in the time of one of F32
   */
  public record Instructions(String name, double gain) {
    /**
     * The best for a type that a processor has.
     *
     * @param type how weights are stored
     * @param features the processor's features
     * @return the instructions
     */
    public static Instructions of(DType type, Set<String> features) {
      return switch (type) {
        case F32, F16 -> new Instructions("F32", 1);
        case BF16 ->
            features.contains("avx512_bf16")
                ? new Instructions("AVX-512 BF16", 2)
                : new Instructions("F32", 1);
        default -> eightBit(features);
      };
    }

    private static Instructions eightBit(Set<String> features) {
      if (features.contains("avx512_vnni") || features.contains("avx_vnni")) {
        return new Instructions("INT8 VNNI", 4);
      }
      return features.contains("avx2")
          ? new Instructions("INT8 AVX2", 2)
          : new Instructions("F32", 1);
    }
  }

  /** Billions of operations a second that the model's type allows. */
  double gigaops() {
    return peaks.multiplyGigaops() * instructions.gain();
  }

  /**
   * How fast a prompt could be read.
   *
   * @param tokens its tokens
   * @return tokens a second
   */
  public double prefill(int tokens) {
    return tokens / seconds(tokens, 1, tokens);
  }

  /**
   * How fast sequences could go on.
   *
   * @param sequences how many at once
   * @param context how many tokens each has
   * @return tokens a second, over all
   */
  public double decode(int sequences, double context) {
    return sequences / seconds(sequences, sequences, sequences * context);
  }

  private double seconds(int rows, int logits, double context) {
    double reading = work.bytes(rows, logits, context) / (peaks.readGigabytes() * 1e9);
    double multiplying = work.operations(rows, logits) / (gigaops() * 1e9);
    return Math.max(reading, multiplying);
  }
}
