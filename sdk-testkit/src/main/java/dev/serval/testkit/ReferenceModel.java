package dev.serval.testkit;

import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.DeltaNetShape;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.SparseGate;
import dev.serval.api.compute.StateSpaceShape;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.testkit.models.Experts;
import dev.serval.testkit.models.SmallModel;
import dev.serval.testkit.models.StatefulModels;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntFunction;
import java.util.function.IntToDoubleFunction;
import java.util.function.IntUnaryOperator;

/**
 * The forward pass in float64, as the model's authors wrote it down, one position after the other
 * and with nothing stacked, shared or cached. Knows nothing of the code under test.
 */
final class ReferenceModel {
  private static final String INPUT = "input_layernorm.weight";
  private static final String AFTER_ATTENTION = "post_attention_layernorm.weight";
  private static final String BEFORE_MLP = "pre_ff_layernorm.weight";
  private static final String KEYS = "self_attn.k_proj.weight";
  private static final String POSITIONS = "model.embed_positions.weight";
  private static final String AFTER_MLP = "post_feedforward_layernorm.weight";

  private static final Experts.Names DENSE =
      new Experts.Names("", "", "gate_proj", "up_proj", "down_proj");

  private final SmallModel model;
  private final int hidden;
  private final int heads;
  private final int kvHeads;
  private final int headDim;
  private final int layers;
  private final double epsilon;
  private final Rules rules;

  /**
   * What families differ in.
   *
   * @param frequencies how fast each pair turns in each layer; there may be none
   * @param windows how many positions back each layer sees, its own included
   * @param factor what is turned is multiplied by
   * @param neighbours whether neighbours are turned together, and not the two halves
   * @param ways in what else they differ
   */
  record Rules(
      IntFunction<double[]> frequencies,
      IntUnaryOperator windows,
      double factor,
      boolean neighbours,
      Ways ways) {
    /** Positions turn the two halves of what they turn. */
    Rules(IntFunction<double[]> frequencies, IntUnaryOperator windows, double factor, Ways ways) {
      this(frequencies, windows, factor, false, ways);
    }
  }

  /**
   * In what else.
   *
   * @param function what feed-forward layers have between their maps
   * @param lessOne whether gains of norms are stored less 1
   * @param embeddings by what embeddings are multiplied
   * @param branches by what is what attention and the feed-forward layer add
   * @param scores by what scores are
   * @param logits by what logits are
   * @param scoreCap what keeps scores small, or infinity
   * @param logitCap what keeps logits small, or infinity
   * @param centred whether norms are from the mean
   * @param growth by what queries are multiplied, given their position
   * @param beside whether a feed-forward layer's norm is of what attention begins with, too
   */
  record Ways(
      ActivationFunction function,
      boolean lessOne,
      double embeddings,
      double branches,
      double scores,
      double logits,
      double scoreCap,
      double logitCap,
      boolean centred,
      IntToDoubleFunction growth,
      boolean beside) {
    /** Norms are by the root of the mean square, and queries do not grow. */
    Ways(
        GateFunction gate,
        boolean lessOne,
        double embeddings,
        double branches,
        double scores,
        double logits,
        double scoreCap,
        double logitCap) {
      this(
          gate,
          lessOne,
          embeddings,
          branches,
          scores,
          logits,
          scoreCap,
          logitCap,
          false,
          position -> 1,
          false);
    }

    /** The same, of families with other functions, norms or logits. */
    Ways with(ActivationFunction other, boolean fromMean, boolean less, double ofLogits) {
      return new Ways(
          other,
          less,
          embeddings,
          branches,
          scores,
          ofLogits,
          scoreCap,
          logitCap,
          fromMean,
          growth,
          beside);
    }

    /** The same with queries that grow. */
    Ways with(IntToDoubleFunction ofQueries) {
      return new Ways(
          function,
          lessOne,
          embeddings,
          branches,
          scores,
          logits,
          scoreCap,
          logitCap,
          centred,
          ofQueries,
          beside);
    }

    /** The same where both halves of a layer begin with what it begins with, each with a norm. */
    Ways besides() {
      return new Ways(
          function,
          lessOne,
          embeddings,
          branches,
          scores,
          logits,
          scoreCap,
          logitCap,
          centred,
          growth,
          true);
    }

    static Ways plain(double scores) {
      return new Ways(
          GateFunction.SILU,
          false,
          1,
          1,
          scores,
          1,
          Double.POSITIVE_INFINITY,
          Double.POSITIVE_INFINITY);
    }
  }

  /**
   * A model's reference.
   *
   * @param model its weights and sizes
   * @param frequencies how fast each pair turns
   * @param windows how many positions back each layer sees, its own included
   */
  ReferenceModel(SmallModel model, double[] frequencies, IntUnaryOperator windows) {
    this(model, new Rules(layer -> frequencies, windows, 1, plain(model)));
  }

  /** A model's reference. */
  ReferenceModel(SmallModel model, Rules rules) {
    this(model, rules, model.number("rms_norm_eps"));
  }

  /**
   * The same.
   *
   * @param epsilon what norms add
   */
  ReferenceModel(SmallModel model, Rules rules, double epsilon) {
    this.model = model;
    this.rules = rules;
    hidden = size("hidden_size");
    heads = size("num_attention_heads");
    kvHeads = size("num_key_value_heads");
    headDim = size("head_dim");
    layers = size("num_hidden_layers");
    this.epsilon = epsilon;
  }

  /** As most families do it. */
  static Ways plain(SmallModel model) {
    return Ways.plain(1 / Math.sqrt(model.number("head_dim")));
  }

  private int size(String field) {
    return (int) model.number(field);
  }

  static double[] frequencies(int headDim, double theta) {
    double[] frequencies = new double[headDim / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = 1 / Math.pow(theta, 2.0 * i / headDim);
    }
    return frequencies;
  }

  /** YaRN's, as its reference code has it: a ramp over the pairs between two corrections. */
  static double[] yarn(double[] plain, double theta, double factor, int context, boolean whole) {
    int dimensions = 2 * plain.length;
    double low = correction(32, dimensions, theta, context);
    double high = correction(1, dimensions, theta, context);
    low = Math.max(whole ? Math.floor(low) : low, 0);
    high = Math.min(whole ? Math.ceil(high) : high, dimensions - 1);
    double[] scaled = new double[plain.length];
    for (int i = 0; i < plain.length; i++) {
      double ramp = Math.min(1, Math.max(0, (i - low) / (high - low)));
      double extrapolated = 1 - ramp;
      scaled[i] = plain[i] / factor * (1 - extrapolated) + plain[i] * extrapolated;
    }
    return scaled;
  }

  private static double correction(double rotations, int dimensions, double theta, int context) {
    double wave = context / (rotations * 2 * Math.PI);
    return dimensions * Math.log(wave) / (2 * Math.log(theta));
  }

  /** Llama 3.1's scaling in terms of wave lengths, as its reference code has it. */
  static double[] llama3(double[] plain, Map<String, Object> scaling) {
    double factor = number(scaling, "factor");
    double context = number(scaling, "original_max_position_embeddings");
    double low = number(scaling, "low_freq_factor");
    double high = number(scaling, "high_freq_factor");
    double[] scaled = new double[plain.length];
    for (int i = 0; i < plain.length; i++) {
      double wave = 2 * Math.PI / plain[i];
      double smooth = (context / wave - low) / (high - low);
      if (wave < context / high) {
        scaled[i] = plain[i];
      } else if (wave > context / low) {
        scaled[i] = plain[i] / factor;
      } else {
        scaled[i] = (1 - smooth) * plain[i] / factor + smooth * plain[i];
      }
    }
    return scaled;
  }

  private static double number(Map<String, Object> map, String field) {
    return ((Number) Objects.requireNonNull(map.get(field), field)).doubleValue();
  }

  /** The logits after each token. */
  double[][] logits(int[] tokens) {
    double[][] x = new double[tokens.length][];
    for (int t = 0; t < tokens.length; t++) {
      x[t] = row("model.embed_tokens.weight", tokens[t]);
      for (int i = 0; i < hidden; i++) {
        x[t][i] *= rules.ways.embeddings;
      }
      if (model.holds(POSITIONS)) {
        addScaled(x[t], 1, row(POSITIONS, t));
      }
    }
    for (int layer = 0; layer < layers; layer++) {
      String prefix = "model.layers." + layer + ".";
      boolean sameStart =
          !model.holds(prefix + AFTER_ATTENTION) && !model.holds(prefix + BEFORE_MLP);
      boolean beside = sameStart || rules.ways.beside;
      double[][] start =
          beside ? normed(x, prefix + (sameStart ? INPUT : AFTER_ATTENTION)) : new double[0][];
      if (model.holds(prefix + "linear_attn.A_log")) {
        deltaNet(x, prefix);
      } else if (model.holds(prefix + "mamba.A_log") && model.holds(prefix + KEYS)) {
        both(x, layer);
      } else if (model.holds(prefix + "mamba.A_log")) {
        stateSpace(x, prefix);
      } else if (model.holds(prefix + "conv.conv.weight")) {
        convolution(x, prefix);
      } else if (model.holds(prefix + LatentReference.HEADS + ".weight")) {
        latent(x, layer);
      } else if (model.holds(prefix + KEYS)) {
        attention(x, layer, rules.windows.applyAsInt(layer));
      }
      if (model.holds(prefix + "mlp.up_proj.weight") || mixes(prefix)) {
        feedForward(x, beside ? start : normed(x, prefix + before(prefix)), prefix);
      }
    }
    boolean tied = !model.holds("lm_head.weight");
    double[][] logits = new double[tokens.length][];
    for (int t = 0; t < tokens.length; t++) {
      double[] normed = norm(x[t], "model.norm.weight");
      logits[t] = tied ? multiply(normed, "model.embed_tokens.weight") : linear(normed, "lm_head");
      for (int i = 0; i < logits[t].length; i++) {
        logits[t][i] = Float64.softcapped(rules.ways.logits * logits[t][i], rules.ways.logitCap);
      }
    }
    return logits;
  }

  private double[][] normed(double[][] x, String gain) {
    return Arrays.stream(x).map(row -> normIfAny(row, gain)).toArray(double[][]::new);
  }

  /** What a state space and attention add to the same rows. */
  private void both(double[][] x, int layer) {
    double[][] attended = Arrays.stream(x).map(double[]::clone).toArray(double[][]::new);
    double[][] before = Arrays.stream(x).map(double[]::clone).toArray(double[][]::new);
    stateSpace(x, "model.layers." + layer + ".");
    attention(attended, layer, rules.windows.applyAsInt(layer));
    for (int t = 0; t < x.length; t++) {
      addScaled(x[t], 1, attended[t]);
      addScaled(x[t], -1, before[t]);
    }
  }

  /** By what something is multiplied; by nothing where the configuration does not say. */
  private double multiplier(String field) {
    return model.config().containsKey(field) ? model.number(field) : 1;
  }

  /** The same of one of several. */
  private double multiplier(String field, int index) {
    return model.config().get(field) instanceof List<?> list
        ? ((Number) list.get(index)).doubleValue()
        : 1;
  }

  private static double[] times(double factor, double[] row) {
    return Arrays.stream(row).map(element -> factor * element).toArray();
  }

  private void attention(double[][] x, int layer, int window) {
    String prefix = "model.layers." + layer + ".";
    double[] frequencies = rules.frequencies.apply(layer);
    int length = x.length;
    double[][] q = new double[length][];
    double[][] k = new double[length][];
    double[][] v = new double[length][];
    for (int t = 0; t < length; t++) {
      double[] normed =
          times(multiplier("attention_in_multiplier"), normIfAny(x[t], prefix + INPUT));
      q[t] = linear(normed, prefix + "self_attn.q_proj");
      k[t] = times(multiplier("key_multiplier"), linear(normed, prefix + "self_attn.k_proj"));
      v[t] = linear(normed, prefix + "self_attn.v_proj");
      q[t] = turned(q[t], heads, t, frequencies, prefix + "self_attn.q_norm.weight");
      k[t] = turned(k[t], kvHeads, t, frequencies, prefix + "self_attn.k_norm.weight");
      q[t] = normedHeads(q[t], heads, prefix + "self_attn.query_layernorm.weight");
      k[t] = normedHeads(k[t], kvHeads, prefix + "self_attn.key_layernorm.weight");
      double growth = rules.ways.growth.applyAsDouble(t);
      q[t] = Arrays.stream(q[t]).map(element -> growth * element).toArray();
    }
    double[][] gates = new double[length][];
    for (int t = 0; t < length && model.holds(prefix + StatefulModels.GATES + ".weight"); t++) {
      gates[t] = linear(normIfAny(x[t], prefix + INPUT), prefix + StatefulModels.GATES);
    }
    for (int t = 0; t < length; t++) {
      double[] out = new double[heads * headDim];
      for (int head = 0; head < heads; head++) {
        int from = Math.max(0, t - (window - 1));
        attend(q[t], k, v, head, from, t, sink(prefix, head), out);
      }
      for (int i = 0; i < out.length && gates[t] != null; i++) {
        out[i] *= Float64.sigmoid(gates[t][i]);
      }
      double[] added = linear(out, prefix + "self_attn.o_proj");
      add(x[t], times(multiplier("attention_out_multiplier"), added), prefix, AFTER_ATTENTION);
    }
  }

  private void latent(double[][] x, int layer) {
    String prefix = "model.layers." + layer + ".";
    LatentReference attention =
        new LatentReference(
            model, prefix, rules.frequencies.apply(layer), rules.factor, rules.neighbours);
    double[][] out = attention.of(normed(x, prefix + INPUT), rules.ways.scores, this::norm);
    for (int t = 0; t < x.length; t++) {
      add(x[t], linear(out[t], prefix + "self_attn.o_proj"), prefix, AFTER_ATTENTION);
    }
  }

  private void deltaNet(double[][] x, String layer) {
    String prefix = layer + "linear_attn.";
    DeltaNetShape shape =
        new DeltaNetShape(
            size("linear_num_key_heads"),
            size("linear_num_value_heads"),
            size("linear_key_head_dim"),
            size("linear_value_head_dim"),
            size("linear_conv_kernel_dim"));
    DeltaNetReference net =
        new DeltaNetReference(
            shape,
            Boolean.TRUE.equals(model.config().get("linear_value_heads_tiled")),
            epsilon,
            taps(prefix + "conv1d.weight", shape.channels()),
            decays(prefix + "A_log"),
            model.values(prefix + "dt_bias"),
            model.values(prefix + "norm.weight"));
    double[][] rows = new double[x.length][];
    for (int t = 0; t < x.length; t++) {
      double[] normed = norm(x[t], layer + INPUT);
      rows[t] =
          StatefulModels.PARTS.stream()
              .flatMapToDouble(part -> Arrays.stream(linear(normed, prefix + part)))
              .toArray();
    }
    double[][] out = net.of(rows);
    for (int t = 0; t < x.length; t++) {
      add(x[t], linear(out[t], prefix + "out_proj"), layer, AFTER_ATTENTION);
    }
  }

  private float[] decays(String name) {
    float[] logarithms = model.values(name);
    float[] decays = new float[logarithms.length];
    for (int i = 0; i < decays.length; i++) {
      decays[i] = (float) Math.exp(logarithms[i]);
    }
    return decays;
  }

  /** By what each channel of the oldest row is multiplied, then of the next. */
  private float[] taps(String name, int channels) {
    float[] stored = model.values(name);
    float[] taps = new float[stored.length];
    for (int i = 0; i < taps.length; i++) {
      taps[i] = stored[i % channels * (taps.length / channels) + i / channels];
    }
    return taps;
  }

  private void stateSpace(double[][] x, String layer) {
    String prefix = layer + "mamba.";
    StateSpaceShape shape = StatefulModels.SPACE;
    boolean normed = model.holds(prefix + "norm.weight");
    StateSpaceReference.Vectors vectors =
        new StateSpaceReference.Vectors(
            taps(prefix + "conv1d.weight", shape.channels()),
            model.values(prefix + "conv1d.bias"),
            decays(prefix + "A_log"),
            model.values(prefix + "dt_bias"),
            model.values(prefix + "D"),
            normed ? model.values(prefix + "norm.weight") : new float[0]);
    double[][] rows = new double[x.length][];
    for (int t = 0; t < x.length; t++) {
      double[] in = times(multiplier("ssm_in_multiplier"), norm(x[t], layer + INPUT));
      rows[t] = linear(in, prefix + "in_proj");
      multiplyParts(rows[t], shape);
    }
    boolean whole =
        List.of("GraniteMoeHybridForCausalLM").equals(model.config().get("architectures"));
    int parts = whole ? 1 : shape.groups();
    int normGroups = normed ? parts : 0;
    double[][] out = new StateSpaceReference(shape, vectors, normGroups, epsilon).of(rows);
    for (int t = 0; t < x.length; t++) {
      double[] added = linear(out[t], prefix + "out_proj");
      add(x[t], times(multiplier("ssm_out_multiplier"), added), layer, AFTER_ATTENTION);
    }
  }

  /** Gates, values, keys, queries and time steps, each by a number of their own. */
  private void multiplyParts(double[] row, StateSpaceShape shape) {
    int keys = shape.groups() * shape.stateDim();
    int[] lengths = {shape.inner(), shape.inner(), keys, keys, shape.heads()};
    int column = 0;
    for (int part = 0; part < lengths.length; part++) {
      for (int i = 0; i < lengths[part]; i++) {
        row[column++] *= multiplier("ssm_multipliers", part);
      }
    }
  }

  private void convolution(double[][] x, String layer) {
    String prefix = layer + "conv.";
    double[][] rows = new double[x.length][];
    for (int t = 0; t < x.length; t++) {
      rows[t] = linear(norm(x[t], layer + INPUT), prefix + "in_proj");
    }
    float[] kernel = taps(prefix + "conv.weight", hidden);
    double[][] out = Float64.shortConvolution(rows, kernel, hidden);
    for (int t = 0; t < x.length; t++) {
      add(x[t], linear(out[t], prefix + "out_proj"), layer, AFTER_ATTENTION);
    }
  }

  /** What a head's attention is shared out to beside the positions. */
  private double sink(String prefix, int head) {
    String sinks = prefix + "self_attn.sinks";
    return model.holds(sinks) ? Math.exp(model.values(sinks)[head]) : 0;
  }

  private void attend(
      double[] q,
      double[][] k,
      double[][] v,
      int head,
      int from,
      int to,
      double sink,
      double[] out) {
    int kvHead = head / (heads / kvHeads);
    double[] weights = new double[to + 1];
    double total = sink;
    for (int s = from; s <= to; s++) {
      double score = 0;
      for (int d = 0; d < headDim; d++) {
        score += q[head * headDim + d] * k[s][kvHead * headDim + d];
      }
      weights[s] = Math.exp(Float64.softcapped(rules.ways.scores * score, rules.ways.scoreCap));
      total += weights[s];
    }
    for (int s = from; s <= to; s++) {
      for (int d = 0; d < headDim; d++) {
        out[head * headDim + d] += weights[s] / total * v[s][kvHead * headDim + d];
      }
    }
  }

  /** Norms are over as much as they have gains for. */
  private double[] turned(
      double[] given, int count, int position, double[] frequencies, String gain) {
    boolean ofRow = model.holds(gain) && model.values(gain).length == given.length;
    double[] all = ofRow ? norm(given, gain) : given.clone();
    for (int head = 0; head < count; head++) {
      double[] values = Arrays.copyOfRange(all, head * headDim, (head + 1) * headDim);
      if (!ofRow) {
        values = normIfAny(values, gain);
      }
      int pairs = frequencies.length;
      for (int i = 0; i < pairs; i++) {
        double cos = rules.factor * Math.cos(position * frequencies[i]);
        double sin = rules.factor * Math.sin(position * frequencies[i]);
        int first = rules.neighbours ? 2 * i : i;
        int second = rules.neighbours ? 2 * i + 1 : i + pairs;
        double a = values[first];
        double b = values[second];
        values[first] = a * cos - b * sin;
        values[second] = b * cos + a * sin;
      }
      System.arraycopy(values, 0, all, head * headDim, headDim);
    }
    return all;
  }

  /** Norms of heads that are turned. */
  private double[] normedHeads(double[] row, int count, String gain) {
    double[] all = new double[row.length];
    for (int head = 0; head < count; head++) {
      double[] values = Arrays.copyOfRange(row, head * headDim, (head + 1) * headDim);
      System.arraycopy(normIfAny(values, gain), 0, all, head * headDim, headDim);
    }
    return all;
  }

  /** Which norm a feed-forward layer has at its start, if it has one of its own. */
  private String before(String prefix) {
    if (model.holds(prefix + BEFORE_MLP)) {
      return BEFORE_MLP;
    }
    return endNorms(prefix) ? "pre_feedforward_layernorm.weight" : AFTER_ATTENTION;
  }

  private void feedForward(double[][] x, double[][] starts, String prefix) {
    for (int t = 0; t < x.length; t++) {
      add(x[t], fed(starts[t], prefix), prefix, AFTER_MLP);
    }
  }

  private double[] fed(double[] start, String prefix) {
    return mixes(prefix) ? mixed(start, prefix) : dense(start, prefix + "mlp.", DENSE);
  }

  private boolean mixes(String prefix) {
    return model
        .experts()
        .filter(experts -> model.holds(prefix + experts.names().router() + ".weight"))
        .isPresent();
  }

  private double[] dense(double[] x, String prefix, Experts.Names names) {
    double[] ups = linear(x, prefix + names.up());
    double[] between =
        switch (rules.ways.function) {
          case UngatedFunction plain -> Float64.activated(plain, ups);
          case GateFunction gating -> gated(gating, gates(x, prefix, names), ups);
          case SparseGate(GateFunction gating, float deviations) ->
              gated(gating, Float64.sparse(gates(x, prefix, names), deviations), ups);
        };
    return times(multiplier("mlp_multipliers", 1), linear(between, prefix + names.down()));
  }

  private double[] gates(double[] x, String prefix, Experts.Names names) {
    return times(multiplier("mlp_multipliers", 0), linear(x, prefix + names.gate()));
  }

  private static double[] gated(GateFunction function, double[] gates, double[] ups) {
    double[] products = new double[ups.length];
    Arrays.setAll(products, i -> Float64.gated(function, gates[i], ups[i]));
    return products;
  }

  /** What experts make of a row. */
  private double[] mixed(double[] x, String layer) {
    Experts experts = model.experts().orElseThrow();
    Experts.Beside beside = experts.beside();
    double[] out = routed(x, layer, experts);
    if (beside.shared() > 0) {
      double share =
          beside.sharedGate().map(gate -> Float64.sigmoid(linear(x, layer + gate)[0])).orElse(1.0);
      addScaled(out, share, dense(x, layer + beside.sharedMaps(), DENSE));
    }
    return out;
  }

  /** What those with the greatest scores do, by these. */
  private double[] routed(double[] x, String layer, Experts experts) {
    Experts.Beside beside = experts.beside();
    double[] products = linear(x, layer + experts.names().router());
    double[] scores =
        beside.sigmoid()
            ? Arrays.stream(products).map(Float64::sigmoid).toArray()
            : Float64.softmax(products);
    double[] ranks = scores.clone();
    beside.selectionBias().ifPresent(name -> add(ranks, model.values(layer + name)));
    double[] open = experts.groups().map(some -> Float64.grouped(ranks, some)).orElse(ranks);
    int[] best = Float64.greatest(open, experts.used());
    double sum = Arrays.stream(best).mapToDouble(expert -> scores[expert]).sum();
    double[] out = new double[x.length];
    for (int expert : best) {
      double share = scores[expert] / (experts.normalised() ? sum : 1);
      double[] given = dense(x, experts.name(layer, expert, ""), experts.names());
      addScaled(out, beside.factor() * share, given);
    }
    return out;
  }

  private static void addScaled(double[] to, double factor, double[] what) {
    for (int i = 0; i < to.length; i++) {
      to[i] += factor * what[i];
    }
  }

  private static void add(double[] to, float[] what) {
    for (int i = 0; i < to.length; i++) {
      to[i] += what[i];
    }
  }

  private double[] normIfAny(double[] x, String gain) {
    return model.holds(gain) ? norm(x, gain) : x;
  }

  private double[] norm(double[] x, String gain) {
    float[] gains = model.values(gain).clone();
    for (int i = 0; i < gains.length && rules.ways.lessOne; i++) {
      gains[i] += 1;
    }
    String bias = gain.replace(".weight", ".bias");
    return rules.ways.centred
        ? Float64.layerNorm(
            x, gains, model.holds(bias) ? model.values(bias) : new float[0], epsilon)
        : Float64.rmsNorm(x, gains, epsilon);
  }

  private double[] linear(double[] x, String name) {
    double[] out = multiply(x, name + ".weight");
    if (model.holds(name + ".bias")) {
      float[] bias = model.values(name + ".bias");
      for (int i = 0; i < out.length; i++) {
        out[i] += bias[i];
      }
    }
    return out;
  }

  private double[] multiply(double[] x, String name) {
    float[] weight = model.values(name);
    double[] out = new double[weight.length / x.length];
    for (int row = 0; row < out.length; row++) {
      for (int i = 0; i < x.length; i++) {
        out[row] += weight[row * x.length + i] * x[i];
      }
    }
    return out;
  }

  private double[] row(String name, int row) {
    float[] table = model.values(name);
    double[] out = new double[hidden];
    for (int i = 0; i < hidden; i++) {
      out[i] = table[row * hidden + i];
    }
    return out;
  }

  private boolean endNorms(String layer) {
    return model.holds(layer + AFTER_MLP);
  }

  private void add(double[] to, double[] what, String layer, String endNorm) {
    double[] added = endNorms(layer) ? norm(what, layer + endNorm) : what;
    for (int i = 0; i < to.length; i++) {
      to[i] += rules.ways.branches * added[i];
    }
  }
}
