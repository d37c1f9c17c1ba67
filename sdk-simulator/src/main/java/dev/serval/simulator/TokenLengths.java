package dev.serval.simulator;

import java.util.random.RandomGenerator;

/** How long prompts or answers are. */
public sealed interface TokenLengths {
  /**
   * Draws one length.
   *
   * @param random where the draw comes from
   * @return tokens, at least 1
   */
  int draw(RandomGenerator random);

  /**
   * Each length between two is as likely.
   *
   * @param least the shortest, at least 1
   * @param most the longest
   * @return these lengths
   */
  static TokenLengths between(int least, int most) {
    return new Even(least, most);
  }

  /**
   * Many short ones and few long ones: an exponential distribution, cut at both ends.
   *
   * @param least the shortest, at least 1
   * @param most the longest
   * @param mean what they are on average before the longest are cut, above {@code least}
   * @return these lengths
   */
  static TokenLengths skewed(int least, int most, double mean) {
    return new Skewed(least, most, mean);
  }

  /**
   * Each as likely.
   *
   * @param least the shortest
   * @param most the longest
   */
  record Even(int least, int most) implements TokenLengths {
    /** Refuses lengths that are none. */
    public Even {
      check(least, most);
    }

    @Override
    public int draw(RandomGenerator random) {
      return random.nextInt(least, most + 1);
    }
  }

  /**
   * Many short, few long.
   *
   * @param least the shortest
   * @param most the longest
   * @param mean the mean before the longest are cut
   */
  record Skewed(int least, int most, double mean) implements TokenLengths {
    /** Refuses lengths that are none. */
    public Skewed {
      check(least, most);
      if (!(mean > least)) {
        throw new IllegalArgumentException(
            "lengths from %d on have a mean above it, unlike %s".formatted(least, mean));
      }
    }

    @Override
    public int draw(RandomGenerator random) {
      double length = least + random.nextExponential() * (mean - least);
      return (int) Math.min(Math.round(length), most);
    }
  }

  private static void check(int least, int most) {
    if (least < 1 || most < least || most == Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "lengths go from 1 or more up, unlike from %d to %d".formatted(least, most));
    }
  }
}
