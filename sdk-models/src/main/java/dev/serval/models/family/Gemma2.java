package dev.serval.models.family;

import dev.serval.models.decoder.DecoderFamily;
import dev.serval.models.decoder.config.ModelConfig;
import dev.serval.models.decoder.traits.BranchNorms;
import dev.serval.models.decoder.traits.DecoderTraits;
import dev.serval.models.decoder.traits.LayerWindows;
import dev.serval.models.decoder.traits.Softcaps;
import java.util.Set;

/**
 * Gemma 2: as Gemma, but every other layer has a window, attention and the feed-forward layer end
 * with a norm, too, and scores and logits are kept small by softcaps.
 */
public final class Gemma2 extends DecoderFamily {
  private static final int PERIOD = 2;

  /** For the service loader. */
  public Gemma2() {
    super("gemma2", Set.of("Gemma2ForCausalLM"), Set.of("gemma2"));
  }

  @Override
  protected DecoderTraits traits(ModelConfig config) {
    return Gemma.common(LayerWindows.butEvery(PERIOD, config), config)
        .branchNorms(BranchNorms.BOTH)
        .softcaps(
            new Softcaps(
                Gemma.cap("attn_logit_softcapping", config),
                Gemma.cap("final_logit_softcapping", config)))
        .build();
  }
}
