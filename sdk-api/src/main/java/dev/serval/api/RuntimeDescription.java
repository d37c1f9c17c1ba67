package dev.serval.api;

import java.util.List;

/**
 * What a runtime found, what it chose and why: on one screen for a person, in sections for a
 * program. Two runtimes that were assembled from the same configuration on the same machine have
 * equal descriptions, whichever way they were assembled.
 *
 * @param sections the sections, in the order of the screen
 */
public record RuntimeDescription(List<Section> sections) {
  /** Copies the sections. */
  public RuntimeDescription {
    sections = List.copyOf(sections);
  }

  /**
   * One part of the runtime.
   *
   * @param title what the section is about, such as {@code devices}
   * @param entries its lines
   */
  public record Section(String title, List<Entry> entries) {
    /** Copies the entries. */
    public Section {
      entries = List.copyOf(entries);
    }
  }

  /**
   * One line of a section.
   *
   * @param name what is described
   * @param value what was found or chosen
   * @param reason why, or empty where there was no choice
   */
  public record Entry(String name, String value, String reason) {}

  /** The whole screen, a line for each entry under its section's title. */
  @Override
  public String toString() {
    int width =
        sections.stream()
            .flatMap(s -> s.entries().stream())
            .mapToInt(e -> e.name().length())
            .max()
            .orElse(0);
    StringBuilder screen = new StringBuilder();
    for (Section section : sections) {
      screen.append(section.title()).append('\n');
      for (Entry e : section.entries()) {
        screen
            .append("  ")
            .append(e.name())
            .repeat(' ', width - e.name().length() + 2)
            .append(e.value());
        screen.append(e.reason().isEmpty() ? "" : " (" + e.reason() + ")").append('\n');
      }
    }
    return screen.toString();
  }
}
