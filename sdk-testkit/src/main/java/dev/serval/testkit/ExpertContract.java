package dev.serval.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.cache.BlockTable;
import dev.serval.api.compute.ActivationFunction;
import dev.serval.api.compute.Activations;
import dev.serval.api.compute.ComputeBackend;
import dev.serval.api.compute.DType;
import dev.serval.api.compute.ExpertLayer;
import dev.serval.api.compute.ExpertSpec;
import dev.serval.api.compute.ExpertSpec.Weighing;
import dev.serval.api.compute.FeedForwardMaps;
import dev.serval.api.compute.GateFunction;
import dev.serval.api.compute.Logits;
import dev.serval.api.compute.RouterSpec;
import dev.serval.api.compute.RouterSpec.GroupScore;
import dev.serval.api.compute.RouterSpec.Groups;
import dev.serval.api.compute.RouterSpec.Scoring;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.compute.UngatedFunction;
import dev.serval.api.compute.Weight;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** How every {@link ComputeBackend} mixes experts; a part of {@link ComputeBackendContract}. */
abstract class ExpertContract extends AttentionContract {
  static final float[] NO_BIAS = {};

  /** Scores are this far apart, or some times as far. */
  private static final float APART = 0.25f;

  ExpertContract() {}

  /**
   * What a layer does.
   *
   * @param dtype how its weights are stored
   * @param used how many experts a row goes to
   * @param groups of which a row's experts are in a few, or null
   * @param scoring what makes scores
   * @param selecting whether experts have a selection bias
   * @param normalised whether shares add up to 1
   * @param biased whether maps have biases
   * @param function what experts have between their maps
   * @param factor by what all is multiplied
   * @param weighing what shares multiply
   */
  private record Rules(
      DType dtype,
      int used,
      @Nullable Groups groups,
      Scoring scoring,
      boolean selecting,
      boolean normalised,
      boolean biased,
      ActivationFunction function,
      float factor,
      Weighing weighing) {
    Rules(
        DType dtype,
        int used,
        @Nullable Groups groups,
        Scoring scoring,
        boolean selecting,
        boolean normalised,
        boolean biased,
        ActivationFunction function,
        float factor) {
      this(
          dtype,
          used,
          groups,
          scoring,
          selecting,
          normalised,
          biased,
          function,
          factor,
          Weighing.OUTPUTS);
    }

    /** Without biases, what experts begin with is multiplied by shares. */
    Rules ofInputs() {
      return new Rules(
          dtype,
          used,
          groups,
          scoring,
          selecting,
          normalised,
          false,
          function,
          factor,
          Weighing.INPUTS);
    }

    static Rules plain(int used) {
      return new Rules(
          DType.F32, used, null, Scoring.SOFTMAX, false, true, false, GateFunction.SILU, 1);
    }

    Rules with(ActivationFunction other) {
      return new Rules(dtype, used, groups, scoring, selecting, normalised, biased, other, factor);
    }

    static Rules choosing(int used, @Nullable Groups groups, Scoring scoring, boolean selecting) {
      return new Rules(
          DType.F32, used, groups, scoring, selecting, true, false, GateFunction.SILU, 1);
    }

    static Rules random(Random random, DType dtype, int used, ActivationFunction function) {
      return new Rules(
          dtype,
          used,
          null,
          random.nextBoolean() ? Scoring.SIGMOID : Scoring.SOFTMAX,
          random.nextBoolean(),
          random.nextBoolean(),
          random.nextBoolean(),
          function,
          0.75f);
    }
  }

  /**
   * Experts of random weights. The router takes the first columns of a row for its products, so
   * that no rounding changes the order of those that are far apart.
   */
  private final class Crowd {
    private final List<float[][]> gateUps = new ArrayList<>();
    private final List<float[][]> downs = new ArrayList<>();
    private final List<float[]> gateUpBiases = new ArrayList<>();
    private final List<float[]> downBiases = new ArrayList<>();
    private final Rules rules;
    private final float[][] router;
    private final float[] routerBias;
    private final float[] selectionBias;
    private final float[] scales;
    private final ExpertSpec spec;

    Crowd(Random random, Rules rules, int count, int width, int inner) {
      this(random, rules, firstColumns(count, width), inner);
    }

    Crowd(Random random, Rules rules, float[][] router, int inner) {
      int count = router.length;
      int width = router[0].length;
      this.rules = rules;
      this.router = router;
      routerBias = new float[rules.biased ? count : 0];
      selectionBias = new float[rules.selecting ? count : 0];
      scales = new float[rules.biased ? count : 0];
      List<FeedForwardMaps> experts = new ArrayList<>();
      for (int expert = 0; expert < count; expert++) {
        if (rules.biased) {
          routerBias[expert] = (random.nextInt(5) - 2) * APART;
          scales[expert] = 0.5f + random.nextFloat();
        }
        if (rules.selecting) {
          selectionBias[expert] = random.nextFloat() - (rules.groups == null ? 0.5f : 3);
        }
        experts.add(expert(random, width, inner));
      }
      RouterSpec routes =
          new RouterSpec(
              probe.matrix(rules.dtype, router),
              bias(routerBias),
              rules.scoring,
              selectionBias.length == 0 ? null : probe.vector(DType.F32, selectionBias),
              scales.length == 0 ? null : probe.vector(DType.F32, scales),
              rules.groups,
              rules.used,
              rules.normalised,
              rules.factor);
      spec = new ExpertSpec(routes, experts, rules.function, rules.weighing);
    }

    private FeedForwardMaps expert(Random random, int width, int inner) {
      int inputs = rules.function.inputs(inner);
      gateUps.add(BackendProbe.random(random, rules.dtype, inputs, width));
      downs.add(BackendProbe.random(random, rules.dtype, width, inner));
      gateUpBiases.add(randomBias(random, inputs));
      downBiases.add(randomBias(random, width));
      return new FeedForwardMaps(
          probe.matrix(rules.dtype, gateUps.getLast()),
          bias(gateUpBiases.getLast()),
          probe.matrix(rules.dtype, downs.getLast()),
          bias(downBiases.getLast()));
    }

    private float[] randomBias(Random random, int length) {
      return rules.biased ? BackendProbe.random(random, rules.dtype, 1, length)[0] : NO_BIAS;
    }

    private @Nullable Weight bias(float[] values) {
      return values.length == 0 ? null : probe.vector(rules.dtype, values);
    }

    private double[] scores(float[] in) {
      double[] products = Float64.linear(Float64.widen(in), router, routerBias);
      return switch (rules.scoring) {
        case SOFTMAX -> Float64.softmax(products);
        case SIGMOID -> Arrays.stream(products).map(Float64::sigmoid).toArray();
      };
    }

    private int[] chosen(double[] scores) {
      double[] ranks = scores.clone();
      for (int expert = 0; rules.selecting && expert < ranks.length; expert++) {
        ranks[expert] += selectionBias[expert];
      }
      double[] open = rules.groups == null ? ranks : Float64.grouped(ranks, rules.groups);
      return Float64.greatest(open, rules.used);
    }

    private static double[] times(double factor, double[] row) {
      return Arrays.stream(row).map(element -> factor * element).toArray();
    }

    double[] expected(float[] in, float[] before) {
      double[] scores = scores(in);
      int[] best = chosen(scores);
      double sum = Arrays.stream(best).mapToDouble(expert -> scores[expert]).sum();
      double[] out = Float64.widen(before);
      for (int expert : best) {
        double share =
            rules.factor
                * scores[expert]
                / (rules.normalised ? sum : 1)
                * (rules.biased ? scales[expert] : 1);
        boolean ofInputs = rules.weighing == Weighing.INPUTS;
        double[] taken = times(ofInputs ? share : 1, Float64.widen(in));
        double[] maps = Float64.linear(taken, gateUps.get(expert), gateUpBiases.get(expert));
        double[] products = Float64.activated(rules.function, maps);
        double[] given = Float64.linear(products, downs.get(expert), downBiases.get(expert));
        for (int i = 0; i < out.length; i++) {
          out[i] += (ofInputs ? 1 : share) * given[i];
        }
      }
      return out;
    }
  }

  /** Rows whose first columns are scores that are far apart. */
  private static float[][] rows(Random random, int rows, int width, int experts) {
    float[][] in = floats(random, rows, width);
    for (float[] row : in) {
      int[] places = random.ints(0, experts).distinct().limit(experts).toArray();
      for (int expert = 0; expert < experts; expert++) {
        row[expert] = (places[expert] - experts / 2) * APART;
      }
    }
    return in;
  }

  private Crowd crowd(Random random, int count, int used, int width, int inner) {
    return new Crowd(random, Rules.plain(used), count, width, inner);
  }

  /** A router whose products are the first columns of a row. */
  private static float[][] firstColumns(int count, int width) {
    float[][] router = new float[count][width];
    for (int expert = 0; expert < count; expert++) {
      router[expert][expert] = 1;
    }
    return router;
  }

  private float[][] mix(ExpertLayer layer, float[][] in, float[][] before) {
    Activations out = probe.put(before);
    backend.addExperts(BackendProbe.step(in.length), probe.put(in), layer, out);
    return probe.get(out, in.length);
  }

  @Test
  void a_row_gets_what_its_experts_make_of_it_by_their_shares() {
    int[][] sizes = {
      {1, 1, 5, 3, 4}, {4, 2, 40, 33, 9}, {7, 7, 33, 64, 2}, {16, 3, 128, 64, 70}, {3, 2, 8, 9, 600}
    };
    Random random = new Random(21);
    int turn = 0;
    for (DType dtype : BackendProbe.PLAIN) {
      for (int[] size : sizes) {
        ActivationFunction function =
            BackendProbe.functions().get(turn++ % BackendProbe.functions().size());
        Rules rules = Rules.random(random, dtype, size[1], function);
        Crowd crowd = new Crowd(random, rules, size[0], size[2], size[3]);
        ExpertLayer layer = backend.experts(crowd.spec, size[4]);
        float[][] in = rows(random, size[4], size[2], size[0]);
        float[][] before = floats(random, size[4], size[2]);
        float[][] actual = mix(layer, in, before);
        for (int row = 0; row < in.length; row++) {
          assertRow(
              actual[row],
              crowd.expected(in[row], before[row]),
              30.0 * size[2] * Math.sqrt(size[3]),
              "%s among %d, row %d".formatted(rules, size[0], row));
        }
      }
    }
  }

  @Test
  void experts_may_have_gates_or_none() {
    Random random = new Random(33);
    for (ActivationFunction function : BackendProbe.functions()) {
      for (boolean biased : new boolean[] {false, true}) {
        Rules rules =
            new Rules(DType.BF16, 2, null, Scoring.SIGMOID, true, true, biased, function, 1.5f);
        requireRules(random, rules, 5, 7, rows(random, 9, 70, 5));
        requireRules(random, rules, 5, 64, rows(random, 9, 70, 5));
      }
    }
  }

  @Test
  void shares_may_multiply_what_experts_begin_with() {
    Random random = new Random(35);
    for (DType dtype : BackendProbe.PLAIN) {
      for (ActivationFunction function : BackendProbe.functions()) {
        for (Scoring scoring : Scoring.values()) {
          for (int inner : new int[] {7, 64}) {
            Rules rules =
                new Rules(dtype, 2, null, scoring, false, false, false, function, 0.75f).ofInputs();
            requireRules(random, rules, 5, inner, rows(random, 70, 64, 5));
          }
        }
      }
    }
  }

  @Test
  void gates_and_ups_of_what_is_multiplied_before_have_no_bias() {
    Random random = new Random(36);
    Crowd crowd = new Crowd(random, Rules.plain(1), 1, 4, 5);
    FeedForwardMaps maps = crowd.spec.experts().getFirst();
    FeedForwardMaps biased =
        new FeedForwardMaps(
            maps.gateUp(), probe.vector(DType.F32, new float[10]), maps.down(), null);
    refused(() ->
        new ExpertSpec(crowd.spec.router(), List.of(biased), GateFunction.SILU, Weighing.INPUTS));
  }

  @Test
  void layers_of_the_same_sizes_but_for_gates_do_not_get_in_each_others_way() {
    Random random = new Random(34);
    float[][] in = rows(random, 6, 24, 4);
    List<Crowd> crowds =
        Stream.of(GateFunction.SILU, UngatedFunction.RELU_SQUARED)
            .map(function -> new Crowd(random, Rules.plain(2).with(function), 4, 24, 10))
            .toList();
    List<ExpertLayer> layers =
        crowds.stream().map(crowd -> backend.experts(crowd.spec, 6)).toList();
    for (int i : new int[] {1, 0, 1}) {
      float[][] actual = mix(layers.get(i), in, new float[6][24]);
      for (int row = 0; row < 6; row++) {
        assertRow(actual[row], crowds.get(i).expected(in[row], new float[24]), 2000, "layer " + i);
      }
    }
  }

  @Test
  void a_row_whose_scores_are_all_0_gets_nothing() {
    Random random = new Random(28);
    Rules rules =
        new Rules(DType.F32, 2, null, Scoring.SIGMOID, false, true, false, GateFunction.SILU, 1);
    Crowd crowd = new Crowd(random, rules, 4, 12, 5);
    float[][] in = floats(random, 1, 12);
    Arrays.fill(in[0], 0, 4, -1000);
    float[][] before = floats(random, 1, 12);
    assertThat(mix(backend.experts(crowd.spec, 1), in, before)[0]).containsExactly(before[0]);
  }

  @Test
  void of_equal_scores_the_first_count() {
    Random random = new Random(22);
    Crowd crowd = crowd(random, 5, 2, 9, 4);
    float[][] in = floats(random, 3, 9);
    for (float[] row : in) {
      for (int expert = 0; expert < 5; expert++) {
        row[expert] = 0.5f;
      }
    }
    float[][] actual = mix(backend.experts(crowd.spec, 3), in, new float[3][9]);
    for (int row = 0; row < 3; row++) {
      assertRow(actual[row], crowd.expected(in[row], new float[9]), 600, "row " + row);
    }
  }

  /** Groups of each kind, by which experts are chosen in each way. */
  private static List<Rules> rules(int used, int groups, int groupsUsed) {
    List<Rules> rules = new ArrayList<>();
    for (GroupScore score : GroupScore.values()) {
      for (Scoring scoring : Scoring.values()) {
        for (boolean selecting : new boolean[] {false, true}) {
          Groups some = new Groups(groups, groupsUsed, score);
          rules.add(Rules.choosing(used, some, scoring, selecting));
        }
      }
    }
    return rules;
  }

  private void requireRules(Random random, Rules rules, int count, float[][] in) {
    requireRules(random, rules, count, 5, in);
  }

  private void requireRules(Random random, Rules rules, int count, int inner, float[][] in) {
    int width = in[0].length;
    Crowd crowd = new Crowd(random, rules, count, width, inner);
    float[][] actual = mix(backend.experts(crowd.spec, in.length), in, new float[in.length][width]);
    for (int row = 0; row < in.length; row++) {
      assertRow(
          actual[row],
          crowd.expected(in[row], new float[width]),
          100.0 * width,
          "%s among %d, row %d".formatted(rules, count, row));
    }
  }

  /** Sums of scores of the logistic function are apart: no two of a row's products add up to 0. */
  @Test
  void a_row_goes_to_experts_of_its_best_groups_alone_though_others_rank_higher() {
    int[][] sizes = {
      {6, 2, 3, 1}, {8, 4, 4, 2}, {24, 5, 4, 3}, {64, 8, 32, 11}, {72, 6, 2, 1}, {80, 9, 40, 7}
    };
    Random random = new Random(29);
    for (int[] size : sizes) {
      for (Rules rules : rules(size[1], size[2], size[3])) {
        float[][] in = rows(random, 20, 80, size[0]);
        for (float[] row : in) {
          for (int expert = 0; expert < size[0]; expert++) {
            row[expert] = (row[expert] + APART / 4) * 4 / size[0];
          }
        }
        requireRules(random, rules, size[0], in);
      }
    }
  }

  @Test
  void of_groups_that_rank_alike_the_first_count() {
    float[][] alike = {
      {1, 2, 2, 1, 2, 1}, {-1, -2, -1, -2, -2, -1}, {1, 1, 1, 1, 1, 1}, {0, 0, 3, 1, 1, 3}
    };
    float[][] in = floats(new Random(30), alike.length, 9);
    for (int row = 0; row < alike.length; row++) {
      System.arraycopy(alike[row], 0, in[row], 0, 6);
    }
    for (Rules rules : rules(2, 3, 1)) {
      if (!rules.selecting) {
        requireRules(new Random(31), rules, 6, in);
      }
    }
  }

  @Test
  void layers_of_the_same_sizes_but_for_groups_do_not_get_in_each_others_way() {
    Random random = new Random(32);
    float[][] in = rows(random, 6, 24, 8);
    List<Rules> all = rules(2, 4, 1);
    List<Crowd> crowds =
        Stream.of(all.getFirst(), Rules.plain(2), all.getLast())
            .map(rules -> new Crowd(random, rules, 8, 24, 5))
            .toList();
    List<ExpertLayer> layers =
        crowds.stream().map(crowd -> backend.experts(crowd.spec, 6)).toList();
    for (int i : new int[] {0, 1, 2, 0}) {
      float[][] actual = mix(layers.get(i), in, new float[6][24]);
      for (int row = 0; row < 6; row++) {
        assertRow(actual[row], crowds.get(i).expected(in[row], new float[24]), 2000, "layer " + i);
      }
    }
  }

  @Test
  void layers_of_the_same_sizes_do_not_get_in_each_others_way() {
    Random random = new Random(23);
    List<Crowd> crowds = List.of(crowd(random, 4, 2, 24, 10), crowd(random, 4, 2, 24, 10));
    List<ExpertLayer> layers =
        crowds.stream().map(crowd -> backend.experts(crowd.spec, 6)).toList();
    float[][] in = rows(random, 6, 24, 4);
    for (int i : new int[] {0, 1, 0}) {
      float[][] actual = mix(layers.get(i), in, new float[6][24]);
      for (int row = 0; row < 6; row++) {
        assertRow(actual[row], crowds.get(i).expected(in[row], new float[24]), 2000, "layer " + i);
      }
    }
  }

  @Test
  void a_row_of_experts_has_the_same_bits_alone_and_among_others() {
    Random random = new Random(24);
    Rules rules =
        new Rules(DType.BF16, 3, null, Scoring.SIGMOID, true, true, true, GateFunction.SILU, 1);
    Crowd crowd = new Crowd(random, rules, 6, 70, 40);
    ExpertLayer layer = backend.experts(crowd.spec, 300);
    float[][] in = rows(random, 300, 70, 6);
    float[][] before = floats(random, 300, 70);
    float[][] together = mix(layer, in, before);
    for (int row = 0; row < 300; row += 37) {
      float[][] alone = mix(layer, new float[][] {in[row]}, new float[][] {before[row]});
      assertThat(alone[0]).containsExactly(together[row]);
    }
  }

  @Test
  void scores_that_are_none_stay_in_their_row() {
    scoresThatAreNoneStayInTheirRow(Rules.plain(2));
    for (GroupScore score : GroupScore.values()) {
      Groups groups = new Groups(2, 1, score);
      scoresThatAreNoneStayInTheirRow(Rules.choosing(2, groups, Scoring.SOFTMAX, true));
    }
  }

  private void scoresThatAreNoneStayInTheirRow(Rules rules) {
    Random random = new Random(25);
    Crowd crowd = new Crowd(random, rules, 4, 12, 5);
    float[][] in = rows(random, 3, 12, 4);
    in[1][2] = Float.NaN;
    float[][] actual = mix(backend.experts(crowd.spec, 3), in, new float[3][12]);
    assertRow(actual[0], crowd.expected(in[0], new float[12]), 600, "the row before");
    assertThat(actual[1]).containsOnly(Float.NaN);
    assertRow(actual[2], crowd.expected(in[2], new float[12]), 600, "the row behind");
  }

  @Test
  void a_score_that_is_none_leaves_its_row_no_number_though_other_experts_would_count() {
    for (Scoring scoring : Scoring.values()) {
      for (boolean selecting : new boolean[] {false, true}) {
        for (int expert = 0; expert < 4; expert++) {
          aScoreThatIsNoneLeavesNoNumber(Rules.choosing(2, null, scoring, selecting), expert);
        }
      }
    }
    for (Rules rules : rules(2, 2, 1)) {
      for (int expert = 0; expert < 4; expert++) {
        aScoreThatIsNoneLeavesNoNumber(rules, expert);
      }
    }
  }

  /** The expert's product is a multiple of what is too small: 0 times that in one row alone. */
  private void aScoreThatIsNoneLeavesNoNumber(Rules rules, int expert) {
    Random random = new Random(33);
    float[][] router = firstColumns(4, 12);
    router[expert][8] = Float.NEGATIVE_INFINITY;
    Crowd crowd = new Crowd(random, rules, router, 5);
    float[][] in = rows(random, 3, 12, 4);
    for (int row = 0; row < 3; row++) {
      in[row][8] = row == 1 ? 0 : 1;
    }
    float[][] actual = mix(backend.experts(crowd.spec, 3), in, new float[3][12]);
    String what = rules + ", expert " + expert;
    assertRow(actual[0], crowd.expected(in[0], new float[12]), 600, what);
    assertThat(actual[1]).as(what).containsOnly(Float.NaN);
    assertRow(actual[2], crowd.expected(in[2], new float[12]), 600, what);
  }

  @Test
  void a_step_goes_to_other_experts_than_the_one_before() {
    Random random = new Random(26);
    Crowd crowd = crowd(random, 8, 2, 32, 16);
    ExpertLayer layer = backend.experts(crowd.spec, 4);
    float[][] table = rows(random, 9, 32, 8);
    float[][] added = floats(random, 9, 32);
    Weight embeddings = probe.matrix(DType.F32, table);
    Weight others = probe.matrix(DType.F32, added);
    Weight head = probe.matrix(DType.F32, BackendProbe.identity(32));
    Activations in = probe.buffer(4, 32);
    Activations out = probe.buffer(4, 32);
    Logits logits = backend.logits(4, 32);
    Consumer<StepBatch> pass =
        step -> {
          backend.embed(step, embeddings, in);
          backend.embed(step, others, out);
          backend.addExperts(step, in, layer, out);
          backend.project(step, out, head, null, logits);
        };
    for (int round = 0; round < 12; round++) {
      int[] tokens = random.ints(1 + round % 4, 0, 9).toArray();
      StepBatch batch = new StepBatch(4, 4);
      for (int token : tokens) {
        batch.add(new int[] {token}, 0, 1, BlockTable.EMPTY, true);
      }
      backend.step(batch, pass);
      float[][] actual = BackendProbe.values(logits);
      for (int row = 0; row < tokens.length; row++) {
        double[] expected = crowd.expected(table[tokens[row]], added[tokens[row]]);
        assertRow(actual[row], expected, 4000, "round " + round + ", row " + row);
      }
    }
  }

  @Test
  void experts_that_do_not_fit_are_refused() {
    Random random = new Random(27);
    ExpertSpec spec = crowd(random, 3, 2, 6, 4).spec;
    ExpertLayer layer = backend.experts(spec, 2);
    StepBatch batch = BackendProbe.step(2);
    Activations six = probe.buffer(3, 6);
    refused(() -> backend.addExperts(batch, six, layer, six));
    refused(() -> backend.addExperts(batch, probe.buffer(2, 5), layer, six));
    refused(() -> backend.addExperts(batch, six, layer, probe.buffer(2, 5)));
    refused(() -> backend.addExperts(batch, six, layer, probe.buffer(1, 6)));
    refused(() -> backend.addExperts(BackendProbe.step(3), six, layer, probe.buffer(3, 6)));
    refused(() -> backend.experts(spec, 0));
    Weight vector = probe.vector(DType.F32, new float[6]);
    Weight gateUp = probe.matrix(DType.F32, new float[8][6]);
    Weight up = probe.matrix(DType.F32, new float[4][6]);
    Weight down = probe.matrix(DType.F32, new float[6][4]);
    FeedForwardMaps expert = new FeedForwardMaps(gateUp, down);
    refused(() -> backend.experts(alone(vector, null, expert), 2));
    Weight router = probe.matrix(DType.F32, new float[1][6]);
    refused(() -> backend.experts(alone(router, vector, expert), 2));
    RouterSpec selecting = new RouterSpec(router, null, Scoring.SIGMOID, vector, 1, false, 1);
    refused(
        () -> backend.experts(new ExpertSpec(selecting, List.of(expert), GateFunction.SILU), 2));
    RouterSpec one = RouterSpec.softmax(router, null, 1, true, 1);
    refused(() -> new ExpertSpec(one, List.of(expert), UngatedFunction.RELU_SQUARED));
    refused(() -> new ExpertSpec(one, List.of(new FeedForwardMaps(up, down)), GateFunction.SILU));
    refused(() ->
        backend.experts(alone(router, null, new FeedForwardMaps(gateUp, vector, down, null)), 2));
    refused(() ->
        backend.experts(alone(router, null, new FeedForwardMaps(gateUp, null, down, router)), 2));
    try (ComputeBackend other = open(1)) {
      Activations foreign = new BackendProbe(other, arena).buffer(2, 6);
      refused(() -> other.experts(spec, 2));
      refused(() ->
          other.addExperts(batch, foreign, layer, new BackendProbe(other, arena).buffer(2, 6)));
      refused(() -> backend.addExperts(batch, foreign, layer, six));
      refused(() -> backend.addExperts(batch, six, layer, foreign));
    }
  }

  private static ExpertSpec alone(Weight router, @Nullable Weight bias, FeedForwardMaps expert) {
    return new ExpertSpec(
        RouterSpec.softmax(router, bias, 1, true, 1), List.of(expert), GateFunction.SILU);
  }
}
