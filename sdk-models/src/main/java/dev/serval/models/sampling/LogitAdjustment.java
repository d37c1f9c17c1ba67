package dev.serval.models.sampling;

import dev.serval.api.InvalidRequestException;
import dev.serval.api.Sampling;
import java.util.Map;

/** What penalties and bias do to the logits of one sequence, and the tokens they look at. */
final class LogitAdjustment {
  private final double repetition;
  private final double presence;
  private final double frequency;
  private final int[] biasIds;
  private final double[] biases;
  private final boolean penalises;
  private final TokenCounts seen = new TokenCounts();

  LogitAdjustment(Sampling sampling, int[] prompt, int vocabulary) {
    repetition = sampling.repetitionPenalty();
    presence = sampling.presencePenalty();
    frequency = sampling.frequencyPenalty();
    penalises = repetition != 1 || presence != 0 || frequency != 0;
    Map<Integer, Double> bias = sampling.logitBias();
    biasIds = bias.keySet().stream().mapToInt(Integer::intValue).sorted().toArray();
    biases = new double[biasIds.length];
    for (int i = 0; i < biasIds.length; i++) {
      check("logit_bias", biasIds[i], vocabulary);
      biases[i] = bias.getOrDefault(biasIds[i], 0.0);
    }
    for (int id : prompt) {
      check("prompt", id, vocabulary);
      if (repetition != 1) {
        seen.add(id, 0);
      }
    }
  }

  void apply(float[] logits) {
    for (int i = 0; i < seen.size(); i++) {
      int id = seen.id(i);
      logits[id] = (float) penalised(logits[id], seen.count(i));
    }
    for (int i = 0; i < biasIds.length; i++) {
      logits[biasIds[i]] = (float) (logits[biasIds[i]] + biases[i]);
    }
  }

  void generated(int id) {
    if (penalises) {
      seen.add(id, 1);
    }
  }

  private double penalised(double logit, int generated) {
    double once = logit > 0 ? logit / repetition : logit * repetition;
    return generated == 0 ? once : once - presence - generated * frequency;
  }

  private static void check(String parameter, int id, int vocabulary) {
    if (id < 0 || id >= vocabulary) {
      throw new InvalidRequestException(
          parameter,
          "%s names token %d, and the model's tokens are 0 to %d"
              .formatted(parameter, id, vocabulary - 1));
    }
  }
}
