package dev.serval.models.cpu.expert;

import dev.serval.api.compute.RouterSpec;
import dev.serval.models.cpu.linear.CpuWeight;
import dev.serval.models.cpu.memory.CpuActivations;
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
  private final ExpertChoice choice;

  /**
   * Room for the routes of a step.
   *
   * @param maxRows the most rows of a step
   * @param experts how many experts there are
   * @param groups of which a row's experts are in a few, or null
   * @param used how many of them a row goes to
   */
  ExpertRouting(int maxRows, int experts, RouterSpec.@Nullable Groups groups, int used) {
    this.experts = experts;
    this.used = used;
    int routes = Math.multiplyExact(maxRows, used);
    begins = new int[experts + 1];
    rows = new int[routes];
    shares = new float[routes];
    chosen = new int[routes];
    chosenShares = new float[routes];
    choice = new ExpertChoice(experts, groups, used);
  }

  /**
   * Routes so many rows.
   *
   * @param products those of the rows and the router's map
   * @param selectionBias what is added to each expert's scores where experts are chosen, or null
   * @param scales by what each expert counts besides, or null
   */
  void route(
      CpuActivations products,
      int count,
      RouterSpec router,
      CpuWeight.@Nullable Vector selectionBias,
      CpuWeight.@Nullable Vector scales) {
    for (int row = 0; row < count; row++) {
      choice.take(products, products.row(row));
      choice.choose(router, selectionBias, chosen, row * used);
      choice.weigh(router, scales, chosen, chosenShares, row * used);
    }
    sort(count * used);
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
