package dev.serval.command;

import java.nio.file.Path;

/** The model that is served when none is named. The launcher says where it lies. */
final class DemoModel {
  static final String NAME = "demo";
  private static final String PLACE = "serval.demo";

  private DemoModel() {}

  static Path folder() {
    String place = System.getProperty(PLACE);
    if (place == null) {
      throw new CommandException(
          "no model is given, and the demo model is not installed with this command; name a"
              + " checkpoint with --model PATH, such as the folder samples/demo-model/weights of"
              + " Serval's source tree");
    }
    return Path.of(place);
  }
}
