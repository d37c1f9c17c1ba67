package dev.serval.storage.gguf.architecture;

import java.util.List;
import java.util.Optional;

/** Translates what a file says of a window in which tokens are seen. Each method is a step. */
public final class Windows {
  private static final long PERIOD = 4;

  private Windows() {}

  private static Optional<Long> window(StoredModel model) {
    return model.metadata().natural(Keys.WINDOW).filter(positions -> positions > 0);
  }

  /** Whether there is one. */
  public static boolean has(StoredModel model) {
    return window(model).isPresent();
  }

  /** There can be none. */
  public static void none(StoredModel model, Fields fields) {
    window(model)
        .ifPresent(positions -> {
          throw model
              .metadata()
              .problem(Keys.WINDOW, "is %d; it must be 0 or missing".formatted(positions));
        });
  }

  /** There may be one, and which layers have it is the family's to know. */
  public static void any(StoredModel model, Fields fields) {
    window(model).ifPresent(positions -> fields.put("sliding_window", positions));
  }

  /** There must be one, which another step has translated. */
  public static void required(StoredModel model, Fields fields) {
    if (!has(model)) {
      throw model.metadata().missing(Keys.WINDOW);
    }
  }

  /** There may be one, which layers have for which that is said, or all but every fourth. */
  public static void ofSomeLayers(StoredModel model, Fields fields) {
    if (has(model)) {
      layerTypes(model, fields);
    }
    any(model, fields);
  }

  private static void layerTypes(StoredModel model, Fields fields) {
    ModelMetadata metadata = model.metadata();
    if (metadata.isArray(Keys.WINDOW_PATTERN)) {
      fields.put("layer_types", types(slides(model)));
    } else if (metadata.natural(Keys.WINDOW_PATTERN).orElse(PERIOD) != PERIOD) {
      throw metadata.problem(
          Keys.WINDOW_PATTERN,
          "is %d; it must be %d, or say for each layer whether it has the window"
              .formatted(metadata.requireNatural(Keys.WINDOW_PATTERN), PERIOD));
    }
  }

  /** There may be one, and then it is said of each layer whether it has it. */
  public static void ofEachLayer(StoredModel model, Fields fields) {
    if (has(model)) {
      fields.put("layer_types", types(slides(model)));
    }
    any(model, fields);
  }

  /** Whether each layer has it, where each is said. */
  public static List<Boolean> slides(StoredModel model) {
    return model.metadata().flags(Keys.WINDOW_PATTERN, model.storedLayers());
  }

  /** What layers are called. */
  public static List<String> types(List<Boolean> slides) {
    return slides.stream().map(one -> one ? "sliding_attention" : "full_attention").toList();
  }
}
