package dev.serval.models.cpu.expert;

import dev.serval.api.compute.RouterSpec.GroupScore;
import dev.serval.api.compute.RouterSpec.Groups;
import java.util.Arrays;

/** Chooses the groups that a row's experts are in. */
final class GroupChoice {
  private final Groups groups;
  private final int size;
  private final float[] scores;
  private final int[] best;
  private final boolean[] chosen;
  private final Highest highest;

  /**
   * Room for a row's groups.
   *
   * @param experts how many there are in all of them
   */
  GroupChoice(Groups groups, int experts) {
    this.groups = groups;
    size = experts / groups.count();
    scores = new float[groups.count()];
    best = new int[groups.used()];
    chosen = new boolean[groups.count()];
    highest = new Highest(groups.used());
  }

  int count() {
    return groups.count();
  }

  /** A group's first expert; behind the last group the number of experts. */
  int first(int group) {
    return group * size;
  }

  /** Whether a group is among those that were chosen. */
  boolean chosen(int group) {
    return chosen[group];
  }

  /** Chooses those that score highest by the ranks of their experts. */
  void choose(float[] ranks) {
    for (int group = 0; group < scores.length; group++) {
      scores[group] = score(ranks, first(group));
    }
    highest.clear();
    highest.offer(scores, 0, scores.length, best, 0);
    Arrays.fill(chosen, false);
    for (int group : best) {
      chosen[group] = true;
    }
  }

  private float score(float[] ranks, int from) {
    float first = Float.NEGATIVE_INFINITY;
    float second = Float.NEGATIVE_INFINITY;
    for (int expert = from; expert < from + size; expert++) {
      second = Math.max(second, Math.min(first, ranks[expert]));
      first = Math.max(first, ranks[expert]);
    }
    return groups.score() == GroupScore.TWO_HIGHEST ? first + second : first;
  }
}
