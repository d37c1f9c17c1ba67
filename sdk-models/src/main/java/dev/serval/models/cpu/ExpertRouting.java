package dev.serval.models.cpu;

import dev.serval.api.compute.RouterSpec;
import dev.serval.api.compute.RouterSpec.Scoring;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Which rows of a step go to which expert, and by what counts what it gives them. Kept expert by
 * expert, each one's rows in the order of the step.
 */
final class ExpertRouting {
  private final int experts;
  private final int used;
  private final int[] begins;
  private final int[] rows;
  private final float[] shares;
  private final int[] chosen;
  private final float[] chosenShares;
  private final float[] products;
  private final float[] ranks;
  private final float[] highest;

  /**
   * Room for the routes of a step.
   *
   * @param maxRows the most rows of a step
   * @param experts how many experts there are
   * @param used how many of them a row goes to
   */
  ExpertRouting(int maxRows, int experts, int used) {
    this.experts = experts;
    this.used = used;
    int routes = Math.multiplyExact(maxRows, used);
    begins = new int[experts + 1];
    rows = new int[routes];
    shares = new float[routes];
    chosen = new int[routes];
    chosenShares = new float[routes];
    products = new float[experts];
    ranks = new float[experts];
    highest = new float[used];
  }

  /**
   * Routes so many rows.
   *
   * @param given the products of the rows and the router's map
   * @param selectionBias what is added to each expert's scores where experts are chosen, or null
   */
  void route(
      CpuActivations given,
      int count,
      RouterSpec router,
      CpuWeight.@Nullable Vector selectionBias) {
    for (int row = 0; row < count; row++) {
      for (int expert = 0; expert < experts; expert++) {
        products[expert] = given.at(given.row(row) + expert);
      }
      boolean ofAll = !router.normalised() || selectionBias != null;
      float greatest = greatest();
      float whole = ofAll ? whole(router.scoring(), greatest) : 1;
      if (selectionBias == null) {
        choose(products, row * used);
      } else {
        rank(router.scoring(), greatest, whole, selectionBias);
        choose(ranks, row * used);
      }
      weigh(router, greatest, whole, row * used);
    }
    sort(count * used);
  }

  private float greatest() {
    float greatest = Float.NEGATIVE_INFINITY;
    for (float product : products) {
      greatest = Math.max(greatest, product);
    }
    return greatest;
  }

  /** An expert's score; that of a softmax still to be divided by the whole. */
  private float score(Scoring scoring, int expert, float greatest) {
    return switch (scoring) {
      case SOFTMAX -> Exponential.of(products[expert] - greatest);
      case SIGMOID -> 1 / (1 + Exponential.of(-products[expert]));
    };
  }

  /** What scores are divided by. */
  private float whole(Scoring scoring, float greatest) {
    if (scoring == Scoring.SIGMOID) {
      return 1;
    }
    float sum = 0;
    for (int expert = 0; expert < experts; expert++) {
      sum += score(scoring, expert, greatest);
    }
    return sum;
  }

  /** By what experts are chosen where that is not the order of their products. */
  private void rank(Scoring scoring, float greatest, float whole, CpuWeight.Vector selectionBias) {
    for (int expert = 0; expert < experts; expert++) {
      ranks[expert] = score(scoring, expert, greatest) / whole + selectionBias.at(expert);
    }
  }

  /** The experts that rank highest, the highest first. */
  private void choose(float[] by, int to) {
    for (int expert = 0; expert < experts; expert++) {
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

  private void weigh(RouterSpec router, float greatest, float whole, int to) {
    float sum = 0;
    for (int i = to; i < to + used; i++) {
      chosenShares[i] = score(router.scoring(), chosen[i], greatest);
      sum += chosenShares[i];
    }
    float divisor = router.normalised() ? Math.max(sum, Float.MIN_NORMAL) : whole;
    for (int i = to; i < to + used; i++) {
      chosenShares[i] = chosenShares[i] / divisor * router.factor();
    }
  }

  /** From row by row to expert by expert. */
  private void sort(int routes) {
    Arrays.fill(begins, 0);
    for (int route = 0; route < routes; route++) {
      begins[chosen[route]]++;
    }
    for (int expert = 1; expert <= experts; expert++) {
      begins[expert] += begins[expert - 1];
    }
    for (int route = routes - 1; route >= 0; route--) {
      int place = --begins[chosen[route]];
      rows[place] = route / used;
      shares[place] = chosenShares[route];
    }
  }

  /** How many routes there are. */
  int routes() {
    return begins[experts];
  }

  /**
   * Where a turn that begins with a route ends: as late as may be, with all rows of an expert if
   * they are not too many.
   */
  int endOfTurn(int from, int most) {
    int end = from;
    for (int expert = 0; expert < experts && begins[expert + 1] - from <= most; expert++) {
      end = Math.max(end, begins[expert + 1]);
    }
    return end > from ? end : from + most;
  }

  /** Where an expert's routes of a turn begin. */
  int first(int expert, int from) {
    return Math.max(begins[expert], from);
  }

  /** How many routes of a turn are to an expert; none if not above 0. */
  int count(int expert, int from, int to) {
    return Math.min(begins[expert + 1], to) - first(expert, from);
  }

  /** Of each route the row that takes it. */
  int[] rows() {
    return rows;
  }

  /** Of each route what the row's result counts. */
  float[] shares() {
    return shares;
  }
}
