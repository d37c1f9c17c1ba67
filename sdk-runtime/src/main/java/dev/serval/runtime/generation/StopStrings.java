package dev.serval.runtime.generation;

import java.util.Arrays;
import java.util.List;

/*
 * Looks for several strings in a text that arrives in pieces.
 *
 * For each string it keeps the length of its longest prefix that the text ends with, by the automaton
 * of Knuth, Morris and Pratt (SIAM J. Comput. 6, 1977, https://doi.org/10.1137/0206024). So each
 * character is looked at once, and after each piece exactly that much of the text is held back as may
 * yet turn out to be the beginning of a stop string.
 *
 * The match that is complete first wins, and of those complete with the same character the longest.
 * Hence what comes out depends on the text alone, never on where the pieces were cut.
 */
/**
 * The stop strings of a request. Immutable; each choice looks for them with a scanner of its own.
 */
final class StopStrings {
  private final char[][] strings;
  private final int[][] borders;

  StopStrings(List<String> values) {
    strings = values.stream().map(String::toCharArray).toArray(char[][]::new);
    borders = Arrays.stream(strings).map(StopStrings::borders).toArray(int[][]::new);
  }

  Scanner scanner() {
    return new Scanner();
  }

  /** For each prefix of a string, the length of the longest shorter one that it ends with. */
  private static int[] borders(char[] string) {
    int[] borders = new int[string.length];
    for (int i = 1; i < string.length; i++) {
      borders[i] = extend(string, borders, borders[i - 1], string[i]);
    }
    return borders;
  }

  private static int extend(char[] string, int[] borders, int matched, char next) {
    int length = matched;
    while (length > 0 && string[length] != next) {
      length = borders[length - 1];
    }
    return string[length] == next ? length + 1 : 0;
  }

  /** Where one choice's text stands. */
  final class Scanner {
    private final int[] matched = new int[strings.length];
    private final StringBuilder held = new StringBuilder();
    private boolean stopped;

    /** Takes the next piece and gives the text that is now certain. */
    String next(String piece) {
      if (strings.length == 0) {
        return piece;
      }
      for (int i = 0; i < piece.length() && !stopped; i++) {
        held.append(piece.charAt(i));
        int length = complete(piece.charAt(i));
        stopped = length > 0;
        held.setLength(held.length() - length);
      }
      return release(stopped ? held.length() : held.length() - longestBeginning());
    }

    /** Ends the text and gives what was held back. */
    String finish() {
      return release(held.length());
    }

    /** Whether a stop string was met; nothing comes after it. */
    boolean stopped() {
      return stopped;
    }

    /** The length of the longest string that is complete with this character, or 0. */
    private int complete(char next) {
      int longest = 0;
      for (int s = 0; s < strings.length; s++) {
        matched[s] = extend(strings[s], borders[s], matched[s], next);
        if (matched[s] == strings[s].length) {
          longest = Math.max(longest, matched[s]);
        }
      }
      return longest;
    }

    private int longestBeginning() {
      int longest = 0;
      for (int length : matched) {
        longest = Math.max(longest, length);
      }
      return longest;
    }

    private String release(int length) {
      String text = held.substring(0, length);
      held.delete(0, length);
      return text;
    }
  }
}
