package dev.serval.command.bench;

import java.util.List;
import java.util.random.RandomGenerator;

/**
 * How long prompts or answers are, in tokens: one of several lengths, each as likely as the others,
 * spread by a ratio to both sides.
 *
 * @param lengths the lengths, each at least 1
 * @param spread from 0 (exactly these lengths) to below 1: a length {@code l} stands for all from
 *     {@code l · (1 − spread)} to {@code l · (1 + spread)}
 */
public record LengthMix(List<Integer> lengths, double spread) {
  /** Refuses what is no length and no ratio. */
  public LengthMix {
    lengths = List.copyOf(lengths);
    if (lengths.isEmpty() || lengths.stream().anyMatch(length -> length < 1)) {
      throw new IllegalArgumentException("lengths are at least 1 token, unlike " + lengths);
    }
    if (!(spread >= 0 && spread < 1)) {
      throw new IllegalArgumentException("a range ratio lies from 0 to below 1, unlike " + spread);
    }
  }

  /**
   * Draws a length.
   *
   * @param random where it is drawn from
   * @return at least 1
   */
  public int draw(RandomGenerator random) {
    int length = lengths.get(random.nextInt(lengths.size()));
    int least = Math.max(1, (int) Math.floor(length * (1 - spread)));
    int most = (int) Math.ceil(length * (1 + spread));
    return random.nextInt(least, most + 1);
  }
}
