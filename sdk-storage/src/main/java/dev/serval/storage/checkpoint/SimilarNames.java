package dev.serval.storage.checkpoint;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SortedSet;

/**
 * Finds the names that a misspelt name may have meant: those at the least <a
 * href="https://en.wikipedia.org/wiki/Levenshtein_distance">Levenshtein distance</a>. A name is
 * given up as soon as it is farther away than the best found so far, so that many names take little
 * time.
 */
final class SimilarNames {
  private static final int LONGEST = 200;

  private record Candidate(String name, int distance) {}

  private SimilarNames() {}

  /**
   * The nearest names.
   *
   * @param name what was asked for
   * @param names what there is
   * @param count how many to find
   * @return at most that many, the nearest first, in the order of names where equally near
   */
  static List<String> of(String name, SortedSet<String> names, int count) {
    List<Candidate> nearest = new ArrayList<>();
    for (String other : names) {
      int limit = nearest.size() < count ? Integer.MAX_VALUE : nearest.getLast().distance();
      int distance = distance(clip(name), clip(other), limit);
      if (distance < limit) {
        nearest.add(new Candidate(other, distance));
        nearest.sort(Comparator.comparingInt(Candidate::distance));
        nearest = new ArrayList<>(nearest.subList(0, Math.min(count, nearest.size())));
      }
    }
    return nearest.stream().map(Candidate::name).toList();
  }

  private static String clip(String name) {
    return name.substring(0, Math.min(LONGEST, name.length()));
  }

  /** The distance, or the limit where it is that or more. */
  private static int distance(String a, String b, int limit) {
    if (Math.abs(a.length() - b.length()) >= limit) {
      return limit;
    }
    int[] above = new int[b.length() + 1];
    java.util.Arrays.setAll(above, i -> i);
    int[] row = new int[b.length() + 1];
    for (int i = 1; i <= a.length(); i++) {
      if (fill(row, above, a.charAt(i - 1), i, b) >= limit) {
        return limit;
      }
      int[] filled = row;
      row = above;
      above = filled;
    }
    return Math.min(limit, above[b.length()]);
  }

  private static int fill(int[] row, int[] above, char letter, int first, String b) {
    row[0] = first;
    int least = first;
    for (int j = 1; j < row.length; j++) {
      int replaced = above[j - 1] + (letter == b.charAt(j - 1) ? 0 : 1);
      row[j] = Math.min(replaced, 1 + Math.min(above[j], row[j - 1]));
      least = Math.min(least, row[j]);
    }
    return least;
  }
}
