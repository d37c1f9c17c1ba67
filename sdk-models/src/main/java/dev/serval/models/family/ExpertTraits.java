package dev.serval.models.family;

/**
 * The experts of a model's feed-forward layers, all of which are of them.
 *
 * @param count how many a layer has
 * @param used to how many of them a row goes
 * @param inner how wide they are within
 * @param normalised whether the shares of those that a row goes to add up to 1
 * @param names what their tensors are called
 */
record ExpertTraits(int count, int used, int inner, boolean normalised, Names names) {

  /** More than any model has, and few enough to be listed. */
  private static final int MOST = 4096;

  /** Names within a layer, without {@code .weight}. */
  sealed interface Names {
    /** That of what gives the scores. */
    String router();

    /**
     * Each expert has its own tensors.
     *
     * @param router of what gives the scores
     * @param experts what those of an expert begin with, before its number
     * @param gate its gate
     * @param up its up
     * @param down its down
     */
    record Apart(String router, String experts, String gate, String up, String down)
        implements Names {
      /** Under the names that most families have. */
      Apart(String router) {
        this(router, "mlp.experts", "gate_proj", "up_proj", "down_proj");
      }

      /** What an expert's map is called. */
      String of(int expert, String map) {
        return "%s.%d.%s".formatted(experts, expert, map);
      }
    }

    /**
     * All experts of a layer are in the same tensors.
     *
     * @param router of what gives the scores
     * @param gateUp the gates and ups
     * @param down the downs
     */
    record Together(String router, String gateUp, String down) implements Names {}
  }

  /** Reads what families call by several names. */
  static ExpertTraits read(
      ModelConfig config, String countField, String innerField, boolean normalised, Names names) {
    int count = config.count(countField);
    if (count > MOST) {
      throw config.refuse(countField, "a number up to " + MOST);
    }
    int used = config.count("num_experts_per_tok");
    if (used > count) {
      throw config.refuse("num_experts_per_tok", "at most " + countField + ", " + count);
    }
    return new ExpertTraits(count, used, config.width(innerField), normalised, names);
  }
}
