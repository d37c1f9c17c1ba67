package dev.serval.models.cpu;

import dev.serval.api.compute.RouterSpec;
import dev.serval.api.compute.RouterSpec.Scoring;
import org.jspecify.annotations.Nullable;

/**
 * Chooses the experts that a row goes to. Without a selection bias that is the order of the
 * router's products, which scores have as well; so only those that count are computed.
 */
final class ExpertChoice {
  private final float[] products;
  private final float[] ranks;
  private final float[] highest;
  private float greatest;

  /**
   * Room for a row's scores.
   *
   * @param experts how many experts there are
   * @param used how many of them a row goes to
   */
  ExpertChoice(int experts, int used) {
    products = new float[experts];
    ranks = new float[experts];
    highest = new float[used];
  }

  /** Takes the products of a row and the router's map. */
  void take(CpuActivations rows, long at) {
    greatest = Float.NEGATIVE_INFINITY;
    for (int expert = 0; expert < products.length; expert++) {
      products[expert] = rows.at(at + expert);
      greatest = Math.max(greatest, products[expert]);
    }
  }

  /**
   * The experts that rank highest, the highest first.
   *
   * @param chosen where they are written, from {@code to} on
   */
  void choose(RouterSpec router, CpuWeight.@Nullable Vector selectionBias, int[] chosen, int to) {
    if (selectionBias == null) {
      highest(products, chosen, to);
      return;
    }
    float whole = whole(router.scoring());
    for (int expert = 0; expert < ranks.length; expert++) {
      ranks[expert] = score(router.scoring(), expert) / whole + selectionBias.at(expert);
    }
    highest(ranks, chosen, to);
  }

  private void highest(float[] by, int[] chosen, int to) {
    int used = highest.length;
    for (int expert = 0; expert < by.length; expert++) {
      float rank = by[expert];
      int place = Math.min(expert, used);
      while (place > 0 && rank > highest[place - 1]) {
        place--;
        if (place + 1 < used) {
          highest[place + 1] = highest[place];
          chosen[to + place + 1] = chosen[to + place];
        }
      }
      if (place < used) {
        highest[place] = rank;
        chosen[to + place] = expert;
      }
    }
  }

  /** An expert's score; that of a softmax still to be divided by the whole. */
  private float score(Scoring scoring, int expert) {
    return switch (scoring) {
      case SOFTMAX -> Exponential.of(products[expert] - greatest);
      case SIGMOID -> 1 / (1 + Exponential.of(-products[expert]));
    };
  }

  private float whole(Scoring scoring) {
    if (scoring == Scoring.SIGMOID) {
      return 1;
    }
    float sum = 0;
    for (int expert = 0; expert < products.length; expert++) {
      sum += score(scoring, expert);
    }
    return sum;
  }

  /**
   * By what the chosen experts count.
   *
   * @param shares where that is written, as experts are
   */
  void weigh(RouterSpec router, int[] chosen, float[] shares, int at) {
    float sum = 0;
    for (int i = at; i < at + highest.length; i++) {
      shares[i] = score(router.scoring(), chosen[i]);
      sum += shares[i];
    }
    float divisor = router.normalised() ? Math.max(sum, Float.MIN_NORMAL) : whole(router.scoring());
    for (int i = at; i < at + highest.length; i++) {
      shares[i] = shares[i] / divisor * router.factor();
    }
  }
}
