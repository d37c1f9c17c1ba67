package dev.serval.models.cpu.expert;

import dev.serval.api.compute.RouterSpec;
import dev.serval.api.compute.RouterSpec.Scoring;
import dev.serval.models.cpu.arithmetic.Exponential;
import dev.serval.models.cpu.linear.CpuWeight;
import dev.serval.models.cpu.memory.CpuActivations;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Chooses the experts that a row goes to. Where nothing is added to scores that is the order of the
 * router's products, which scores have as well; so only those that count are computed.
 */
final class ExpertChoice {
  private final float[] products;
  private final float[] ranks;
  private final @Nullable GroupChoice groups;
  private final Highest highest;
  private float greatest;

  /**
   * Room for a row's scores.
   *
   * @param experts how many experts there are
   * @param groups of which a row's experts are in a few, or null
   * @param used how many of them a row goes to
   */
  ExpertChoice(int experts, RouterSpec.@Nullable Groups groups, int used) {
    products = new float[experts];
    ranks = new float[experts];
    this.groups = groups == null ? null : new GroupChoice(groups, experts);
    highest = new Highest(used);
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
   * The experts that rank highest, the highest first. Where a rank is no number, none is, and so no
   * score, either.
   *
   * @param chosen where they are written, from {@code to} on
   */
  void choose(RouterSpec router, CpuWeight.@Nullable Vector selectionBias, int[] chosen, int to) {
    float[] by = router.ranksByScores() ? ranks(router.scoring(), selectionBias) : products;
    if (hasNone(by)) {
      Arrays.fill(by, Float.NaN);
      Arrays.fill(products, Float.NaN);
    }
    highest.clear();
    if (groups == null) {
      highest.offer(by, 0, by.length, chosen, to);
      return;
    }
    groups.choose(by);
    for (int group = 0; group < groups.count(); group++) {
      if (groups.chosen(group)) {
        highest.offer(by, groups.first(group), groups.first(group + 1), chosen, to);
      }
    }
  }

  private static boolean hasNone(float[] ranks) {
    for (float rank : ranks) {
      if (Float.isNaN(rank)) {
        return true;
      }
    }
    return false;
  }

  private float[] ranks(Scoring scoring, CpuWeight.@Nullable Vector selectionBias) {
    float whole = whole(scoring);
    for (int expert = 0; expert < ranks.length; expert++) {
      float score = score(scoring, expert) / whole;
      ranks[expert] = selectionBias == null ? score : score + selectionBias.at(expert);
    }
    return ranks;
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
  void weigh(
      RouterSpec router, CpuWeight.@Nullable Vector scales, int[] chosen, float[] shares, int at) {
    float sum = 0;
    for (int i = at; i < at + highest.most(); i++) {
      shares[i] = score(router.scoring(), chosen[i]);
      sum += shares[i];
    }
    float divisor = router.normalised() ? Math.max(sum, Float.MIN_NORMAL) : whole(router.scoring());
    for (int i = at; i < at + highest.most(); i++) {
      float scale = scales == null ? 1 : scales.at(chosen[i]);
      shares[i] = shares[i] / divisor * router.factor() * scale;
    }
  }
}
