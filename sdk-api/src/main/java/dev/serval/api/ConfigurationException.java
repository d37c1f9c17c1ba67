package dev.serval.api;

import java.util.List;

/** A runtime cannot be assembled as it was asked to be: every problem found, at once. */
public final class ConfigurationException extends ServalException {
  private static final long serialVersionUID = 1L;

  private final transient List<String> problems;

  /**
   * Lists the problems.
   *
   * @param problems a sentence each, beginning with the option's name
   */
  public ConfigurationException(List<String> problems) {
    super(numbered(problems));
    this.problems = List.copyOf(problems);
  }

  /**
   * The problems, in the order of the options.
   *
   * @return a sentence each, beginning with the option's name
   */
  public List<String> problems() {
    return problems;
  }

  private static String numbered(List<String> problems) {
    if (problems.size() == 1) {
      return problems.getFirst();
    }
    StringBuilder text = new StringBuilder(problems.size() + " options cannot be honoured:");
    for (int i = 0; i < problems.size(); i++) {
      text.append("\n  ").append(i + 1).append(". ").append(problems.get(i));
    }
    return text.toString();
  }
}
