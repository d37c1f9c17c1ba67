package dev.serval.models.sampling;

import dev.serval.api.GenerationFailedException;
import dev.serval.api.InvalidRequestException;
import dev.serval.api.Sampling;
import dev.serval.api.compute.Logits;
import dev.serval.api.model.SampledToken;
import dev.serval.api.model.TokenSampler;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Draws the tokens of one sequence from logits in host memory. */
public final class HostTokenSampler implements TokenSampler {
  /*
   * One draw is: find the largest, which is the token if nothing else was asked for; copy the row;
   * note the log-probabilities' denominator and the best alternatives, which are the model's own;
   * apply penalties and bias; then take the largest, or draw.
   *
   * What must hold: the token depends on the row, the parameters, the seed and how many tokens were
   * drawn before, and on nothing else. So there is one random number a token, drawn even where it is
   * certain which token comes; every sum runs in an order fixed by the row; ties go to the lower id.
   *
   * Top-k, top-p and min-p each keep a leading part of the ranking, so all three keep the shortest of
   * their parts, and no full sort is needed: top-k is a partial selection; for top-p the tokens below
   * a weight of (1 - p) / n of the total are left out first, since n of them cannot make up the mass
   * that may be cut off, and the rest is searched for the place where the mass is reached; min-p is a
   * threshold. The mass of top-p is that of what top-k left, as in the reference implementations.
   */
  private static final double SLACK = 0.5;

  private final int vocabulary;
  private final int alternatives;
  private final int topK;
  private final double topP;
  private final double minP;
  private final boolean greedy;
  private final boolean adjusts;
  private final LogitAdjustment adjustment;
  private final Softmax softmax;
  private final Softmax plain = new Softmax(1);
  private final SplitMix random;
  private final SamplingScratch scratch;

  /**
   * A sampler with room of its own.
   *
   * @param sampling how tokens are drawn
   * @param seed where the draw begins
   * @param prompt the prompt's tokens, which the repetition penalty looks at; not kept
   * @param vocabulary how many logits a row has
   * @param alternatives how many alternatives to report with each token; −1 for no
   *     log-probabilities
   * @throws InvalidRequestException when bias or prompt name a token outside the vocabulary
   */
  public HostTokenSampler(
      Sampling sampling, long seed, int[] prompt, int vocabulary, int alternatives) {
    this(sampling, seed, prompt, vocabulary, alternatives, new SamplingScratch());
  }

  /**
   * A sampler that shares its room with others of the same thread.
   *
   * @param sampling how tokens are drawn
   * @param seed where the draw begins
   * @param prompt the prompt's tokens, which the repetition penalty looks at; not kept
   * @param vocabulary how many logits a row has
   * @param alternatives how many alternatives to report with each token; −1 for no
   *     log-probabilities
   * @param scratch the room
   * @throws InvalidRequestException when bias or prompt name a token outside the vocabulary
   */
  public HostTokenSampler(
      Sampling sampling,
      long seed,
      int[] prompt,
      int vocabulary,
      int alternatives,
      SamplingScratch scratch) {
    this.vocabulary = vocabulary;
    this.alternatives = Math.min(alternatives, vocabulary);
    this.scratch = scratch;
    topK = sampling.topK() == 0 ? vocabulary : Math.min(sampling.topK(), vocabulary);
    topP = sampling.topP();
    minP = sampling.minP();
    greedy = sampling.greedy();
    adjusts = sampling.adjustsLogits();
    adjustment = new LogitAdjustment(sampling, prompt, vocabulary);
    softmax = new Softmax(sampling.temperature());
    random = new SplitMix(seed);
  }

  /**
   * {@inheritDoc}
   *
   * @throws GenerationFailedException when a logit is not a number, or none is finite
   */
  @Override
  public void sample(Logits logits, int row, SampledToken out) {
    MemorySegment scores = logits.row(row);
    scratch.largest().find(scores, vocabulary);
    int best = largest();
    if (greedy && !adjusts && alternatives < 0) {
      out.set(best);
    } else {
      sample(scores, best, out);
    }
  }

  private void sample(MemorySegment scores, int largest, SampledToken out) {
    float[] values = scratch.copy(scores, vocabulary);
    if (alternatives > 0) {
      scratch.alternatives().takeFirst(values, vocabulary, alternatives);
    }
    double denominator = alternatives < 0 ? 0 : logSum(values, largest);
    int best = adjusts ? adjusted(values) : largest;
    int id = greedy ? best : draw(values, values[best]);
    adjustment.generated(id);
    if (alternatives < 0) {
      out.set(id);
    } else {
      report(id, scores.getAtIndex(ValueLayout.JAVA_FLOAT, id), denominator, out);
    }
  }

  /** Applies penalties and bias; the largest is another then. */
  private int adjusted(float[] values) {
    adjustment.apply(values);
    scratch.largest().find(values, vocabulary);
    return largest();
  }

  private int largest() {
    LargestLogit largest = scratch.largest();
    if (!Float.isFinite(largest.value())) {
      throw unusable(largest.id(), largest.value());
    }
    return largest.id();
  }

  private double logSum(float[] values, int best) {
    plain.largest(values[best]);
    return values[best] + Math.log(plain.sum(values, vocabulary));
  }

  private int draw(float[] values, float most) {
    softmax.largest(most);
    double place = random.nextDouble();
    if (topK == vocabulary && topP == 1 && minP == 0) {
      return drawFromAll(values, place);
    }
    RankedTokens candidates = scratch.candidates();
    cut(values, candidates);
    return drawFrom(candidates, place);
  }

  private int drawFromAll(float[] values, double place) {
    double total = 0;
    for (int id = 0; id < vocabulary; id++) {
      values[id] = (float) softmax.weight(values[id]);
      total += values[id];
    }
    double aim = place * total;
    int last = 0;
    for (int id = 0; id < vocabulary; id++) {
      if (values[id] > 0) {
        aim -= values[id];
        last = id;
        if (aim < 0) {
          break;
        }
      }
    }
    return last;
  }

  private void cut(float[] values, RankedTokens candidates) {
    if (topK < vocabulary) {
      candidates.takeFirst(values, vocabulary, topK);
      if (topP < 1) {
        candidates.keepMass(topP * softmax.sum(candidates), softmax);
      }
    } else {
      double total = topP < 1 ? softmax.sum(values, vocabulary) : 0;
      double negligible = Math.max(minP, (1 - topP) * total / vocabulary);
      candidates.takeFrom(values, vocabulary, softmax.logit(SLACK * negligible));
      if (topP < 1) {
        candidates.keepMass(topP * total, softmax);
      }
    }
    if (minP > 0) {
      candidates.keepWeight(minP, softmax);
    }
  }

  private int drawFrom(RankedTokens candidates, double place) {
    double aim = place * softmax.sum(candidates);
    int last = 0;
    for (int i = 0; i < candidates.count(); i++) {
      double weight = softmax.weight(candidates.logit(i));
      if (weight > 0) {
        aim -= weight;
        last = candidates.id(i);
        if (aim < 0) {
          break;
        }
      }
    }
    return last;
  }

  private void report(int id, float logit, double denominator, SampledToken out) {
    out.set(id, (float) (logit - denominator));
    if (alternatives > 0) {
      RankedTokens likeliest = scratch.alternatives();
      likeliest.sort();
      for (int i = 0; i < likeliest.count(); i++) {
        out.addAlternative(likeliest.id(i), (float) (likeliest.logit(i) - denominator));
      }
    }
  }

  private static GenerationFailedException unusable(int id, float logit) {
    return new GenerationFailedException(
        "the model's scores are unusable: the largest logit, that of token %d, is %s"
            .formatted(id, logit));
  }
}
