package dev.serval.command;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;

/** The demo model's own questions with the answers that any implementation has to give. */
final class Examples {
  /** One of them. */
  record Example(String kind, String question, String answer, boolean exact) {}

  private static final Path FILE =
      Path.of(System.getProperty("basedir", "."), "../demo-model/weights/examples.json");

  private Examples() {}

  static List<Example> all() throws IOException {
    return List.of(JsonMapper.builder().build().readValue(FILE.toFile(), Example[].class));
  }
}
