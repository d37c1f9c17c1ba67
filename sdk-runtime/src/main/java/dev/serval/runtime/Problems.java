package dev.serval.runtime;

import dev.serval.api.ConfigurationException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** What is found wrong with the options, until all of them were looked at. */
final class Problems {
  private final List<String> found = new ArrayList<>();

  void add(String option, String sentence) {
    found.add(option + ": " + sentence);
  }

  /** Requires a number to lie between two others. */
  void requireWithin(String option, long value, long least, long most) {
    if (value < least || value > most) {
      String allowed =
          most == Integer.MAX_VALUE ? least + " or more" : "between " + least + " and " + most;
      add(option, "the value is " + allowed + ", unlike " + value);
    }
  }

  /** Refuses a time that is shorter than the least or longer than the most. */
  void requireWithin(String option, Duration value, Duration least, Duration most) {
    if (value.compareTo(least) < 0 || value.compareTo(most) > 0) {
      add(option, "the value is between %s and %s, unlike %s".formatted(least, most, value));
    }
  }

  /** Refuses two options that say different things about the same. */
  void requireOne(String option, boolean given, String other, boolean otherGiven) {
    if (given && otherGiven) {
      add(option, "not beside " + other + ", which decides the same");
    }
  }

  void throwIfAny() {
    if (!found.isEmpty()) {
      throw new ConfigurationException(found);
    }
  }
}
