package dev.serval.batching;

import static dev.serval.batching.DrivenEngine.VOCABULARY;
import static dev.serval.batching.DrivenEngine.expected;
import static dev.serval.batching.DrivenEngine.prompt;
import static org.assertj.core.api.Assertions.assertThat;

import dev.serval.api.FinishReason;
import dev.serval.api.ServiceLevel;
import dev.serval.api.Tenant;
import dev.serval.api.batching.DraftPolicy;
import dev.serval.api.batching.DraftedSequence;
import dev.serval.api.batching.EngineListener;
import dev.serval.api.batching.EngineSequence;
import dev.serval.api.batching.SequenceRequest;
import dev.serval.api.batching.SequenceView;
import dev.serval.api.batching.ServiceTerms;
import dev.serval.api.compute.AttentionWindow;
import dev.serval.api.compute.StepBatch;
import dev.serval.api.model.SampledToken;
import dev.serval.batching.DrivenEngine.Run;
import dev.serval.batching.DrivenEngine.Setup;
import dev.serval.testkit.CollectingSink;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

final class DraftingTest {
  private static final long MILLISECOND = 1_000_000;

  /** Steps that are bound by weights: a row takes a hundredth of what they take at least. */
  private static long byMemory(StepBatch batch) {
    return MILLISECOND * (100 + batch.rows()) / 100;
  }

  /** Steps that are bound by computing. */
  private static long byRows(StepBatch batch) {
    return MILLISECOND * (1 + 20L * batch.rows()) / 100;
  }

  /** Knows how everything goes on. */
  private static int knowing(DraftedSequence sequence, int[] draft, int most) {
    return knowing(DrivenEngine.ALL, sequence, draft, most);
  }

  private static int knowing(
      List<AttentionWindow> windows, DraftedSequence sequence, int[] draft, int most) {
    int[] prompt = Arrays.copyOf(sequence.tokens(), sequence.promptTokens());
    int[] all = expected(windows, prompt, sequence.generatedTokens() + most);
    System.arraycopy(all, sequence.generatedTokens(), draft, 0, most);
    return most;
  }

  private static int mistaken(DraftedSequence sequence, int[] draft, int most) {
    knowing(sequence, draft, most);
    for (int i = 0; i < most; i++) {
      draft[i] = (draft[i] + 1) % VOCABULARY;
    }
    return most;
  }

  private static int[] generate(DrivenEngine driven, int[] prompt, int count) {
    CollectingSink sink = new CollectingSink();
    driven.submit(prompt, count, sink);
    driven.run();
    assertThat(sink.awaitEnd().reason()).isEqualTo(FinishReason.LENGTH);
    return sink.tokens();
  }

  private static int most(List<List<Run>> steps) {
    return steps.stream().flatMap(List::stream).mapToInt(Run::count).max().orElse(0);
  }

  @Test
  void right_guesses_are_given_in_one_step() {
    DrivenEngine driven = new Setup().draft(4, DraftingTest::knowing).engine();
    int[] prompt = prompt(1, 5);
    assertThat(generate(driven, prompt, 21)).isEqualTo(expected(prompt, 21));
    // The prompt with its first token, then five in each: one, and four that were guessed.
    assertThat(driven.steps)
        .containsExactly(
            List.of(new Run(0, 5)),
            List.of(new Run(5, 5)),
            List.of(new Run(10, 5)),
            List.of(new Run(15, 5)),
            List.of(new Run(20, 5)));
  }

  @Test
  void wrong_guesses_change_nothing() {
    DrivenEngine driven = new Setup().draft(4, DraftingTest::mistaken).engine();
    int[] prompt = prompt(1, 5);
    assertThat(generate(driven, prompt, 20)).isEqualTo(expected(prompt, 20));
    assertThat(most(driven.steps)).isEqualTo(5);
    assertThat(driven.steps).hasSize(20);
  }

  @Test
  void nothing_is_guessed_beyond_what_a_sequence_may_have() {
    DrivenEngine driven = new Setup().blocks(5, 4).draft(7, DraftingTest::knowing).engine();
    int[] prompt = prompt(1, 17);
    assertThat(generate(driven, prompt, 3)).isEqualTo(expected(prompt, 3));
    assertThat(driven.lastStep()).containsExactly(new Run(17, 2));
    assertThat(driven.cache.freeBlocks()).isEqualTo(5);
  }

  @Test
  void a_stop_token_ends_a_sequence_whatever_was_guessed_after_it() {
    DrivenEngine driven = new Setup().draft(4, DraftingTest::knowing).engine();
    int[] prompt = prompt(1, 5);
    int[] expected = expected(prompt, 20);
    CollectingSink sink = new CollectingSink();
    driven.engine.submit(
        SequenceRequest.builder("stops", prompt, 20).stopTokens(Set.of(expected[3])).build(), sink);
    driven.run();
    assertThat(sink.awaitEnd().reason()).isEqualTo(FinishReason.STOP);
    assertThat(sink.tokens()).isEqualTo(Arrays.copyOf(expected, 4));
    assertThat(driven.cache.freeBlocks()).isEqualTo(driven.cache.totalBlocks());
  }

  @Test
  void a_reader_who_pauses_gets_no_more_of_what_was_guessed() {
    DrivenEngine driven = new Setup().draft(4, DraftingTest::knowing).engine();
    int[] prompt = prompt(1, 5);
    CollectingSink sink =
        new CollectingSink() {
          @Override
          protected Verdict verdict(SampledToken token) {
            return tokens().length == 3 ? Verdict.PAUSE : Verdict.CONTINUE;
          }
        };
    EngineSequence sequence = driven.submit(prompt, 10, sink);
    driven.run();
    assertThat(sink.tokens().length).isEqualTo(3);
    sequence.resume();
    driven.run();
    assertThat(sink.tokens()).isEqualTo(expected(prompt, 10));
  }

  @Test
  void a_model_that_cannot_take_back_is_served_without() {
    DrivenEngine driven = new Setup().forgetful().draft(4, DraftingTest::knowing).engine();
    int[] prompt = prompt(1, 5);
    assertThat(generate(driven, prompt, 10)).isEqualTo(expected(prompt, 10));
    assertThat(driven.steps).hasSize(10);
  }

  @Test
  void a_sequence_whose_guesses_are_wrong_stops_guessing_and_tries_again_now_and_then() {
    DrivenEngine driven =
        new Setup()
            .context(2000)
            .blocks(600, 4)
            .cost(batch -> MILLISECOND * (5 + batch.rows()))
            .draft(8, DraftingTest::mistaken)
            .engine();
    generate(driven, prompt(1, 5), 1500);
    List<List<Run>> late = driven.steps.subList(500, driven.steps.size());
    long guessing = late.stream().filter(step -> step.getFirst().count() > 1).count();
    assertThat(guessing).isBetween(1L, late.size() / 10L);
  }

  /** From prompts that are bound by computing and single decodes nobody knows what a row takes. */
  @Test
  void what_a_row_takes_is_found_out_where_only_one_sequence_decodes() {
    AtomicBoolean silent = new AtomicBoolean(true);
    DrivenEngine driven =
        new Setup()
            .context(500)
            .blocks(600, 4)
            .limits(64, 8)
            .cost(batch -> MILLISECOND * Math.max(10, batch.rows()))
            .draft(8, (sequence, draft, most) -> silent.get() ? 0 : knowing(sequence, draft, most))
            .engine();
    for (int i = 0; i < 20; i++) {
      generate(driven, prompt(i, 40 + i), 30);
    }
    silent.set(false);
    int before = driven.steps.size();
    generate(driven, prompt(30, 5), 300);
    assertThat(driven.steps.size() - before).isLessThan(100);
  }

  @Test
  void many_sequences_whose_steps_are_bound_by_computing_guess_nothing() {
    DrivenEngine driven = eight(DraftingTest::byRows, DraftingTest::guessingHalf);
    assertThat(most(driven.steps.subList(100, 200))).isOne();
  }

  @Test
  void many_sequences_whose_steps_are_bound_by_memory_guess_all_the_same() {
    DrivenEngine driven = eight(DraftingTest::byMemory, DraftingTest::knowing);
    assertThat(driven.steps.size()).isLessThan(100);
  }

  /** Eight sequences side by side. */
  private static DrivenEngine eight(ToLongFunction<StepBatch> cost, DraftPolicy policy) {
    DrivenEngine driven =
        new Setup()
            .context(500)
            .blocks(2000, 4)
            .limits(64, 8)
            .cost(cost)
            .draft(32, policy)
            .engine();
    for (int i = 0; i < 8; i++) {
      driven.submit(prompt(i, 5), 300, new CollectingSink());
    }
    driven.run();
    return driven;
  }

  /** The first is right, the others are not. */
  private static int guessingHalf(DraftedSequence sequence, int[] draft, int most) {
    mistaken(sequence, draft, most);
    int right = draft[0];
    draft[0] = (right + VOCABULARY - 1) % VOCABULARY;
    return most;
  }

  @Test
  void no_step_with_chunks_has_guesses() {
    DrivenEngine driven = new Setup().limits(8, 4).draft(4, DraftingTest::knowing).engine();
    driven.submit(prompt(1, 4), 40, new CollectingSink());
    driven.step();
    driven.submit(prompt(2, 30), 4, new CollectingSink());
    for (int i = 0; i < 4; i++) {
      driven.step();
      assertThat(driven.lastStep().getFirst().count()).isOne();
    }
  }

  @Test
  void steps_stay_within_the_targets_of_their_decodes() {
    assertThat(mostRows(2)).isBetween(1, 2);
  }

  @Test
  void targets_that_are_missed_without_drafts_forbid_none() {
    assertThat(mostRows(8)).isGreaterThan(3);
  }

  /** How many rows a sequence with a target of 4 ms has where a step takes so many and its rows. */
  private static int mostRows(int launchMillis) {
    long target = 4 * MILLISECOND;
    ToLongFunction<StepBatch> cost = batch -> MILLISECOND * (launchMillis + batch.rows());
    ServiceLevel strict =
        new ServiceLevel("strict", 0, Duration.ofSeconds(1), Duration.ofNanos(target));
    DrivenEngine driven =
        new Setup()
            .context(500)
            .blocks(600, 4)
            .limits(64, 8)
            .cost(cost)
            .draft(16, DraftingTest::knowing)
            .engine();
    for (int i = 0; i < 8; i++) { // from these it learns what a row takes
      driven.submit(prompt(i, 9), 40 + 5 * i, new CollectingSink());
    }
    driven.run();
    int learned = driven.steps.size();
    CollectingSink sink = new CollectingSink();
    driven.submit(prompt(50, 9), 100, new ServiceTerms(strict, Tenant.HOST, null), sink);
    driven.run();
    assertThat(sink.tokens().length).isEqualTo(100);
    return most(driven.steps.subList(learned + 1, driven.steps.size()));
  }

  @Test
  void what_was_verified_is_told() {
    List<String> heard = new ArrayList<>();
    EngineListener listener =
        new EngineListener() {
          @Override
          public void verified(SequenceView sequence, int drafted, int accepted) {
            heard.add(accepted + " of " + drafted);
          }
        };
    DrivenEngine driven =
        new Setup().listener(listener).draft(3, DraftingTest::guessingHalf).engine();
    generate(driven, prompt(1, 5), 8);
    assertThat(heard).startsWith("1 of 3").hasSizeBetween(3, 4);
  }

  @Test
  void a_policy_that_guesses_what_is_no_token_fails_those_there_are_and_none_after() {
    DraftPolicy[] odd = {(sequence, draft, most) -> most + 1};
    DraftPolicy policy = (sequence, draft, most) -> odd[0].draft(sequence, draft, most);
    DrivenEngine driven = new Setup().draft(3, policy).engine();
    assertFails(driven, "4 tokens were guessed where 0 to 3 may");
    odd[0] =
        (sequence, draft, most) -> {
          draft[0] = VOCABULARY;
          return 1;
        };
    assertFails(driven, "token 61 was guessed, and the model's are 0 to 60");
    odd[0] =
        (sequence, draft, most) -> {
          throw new IllegalStateException("out of order");
        };
    assertFails(driven, "the draft policy failed");
    odd[0] = DraftingTest::knowing;
    assertThat(generate(driven, prompt(2, 5), 9)).isEqualTo(expected(prompt(2, 5), 9));
  }

  private static void assertFails(DrivenEngine driven, String words) {
    CollectingSink sink = new CollectingSink();
    driven.submit(prompt(1, 5), 9, sink);
    driven.run();
    assertThat(sink.awaitEnd().failure()).hasMessageContaining(words);
    assertThat(driven.cache.freeBlocks()).isEqualTo(driven.cache.totalBlocks());
  }

  @Test
  void answers_are_those_without_drafts_whoever_pauses_stops_or_gives_way(TestReporter reporter) {
    long seed = Long.getLong("serval.seed", System.nanoTime());
    reporter.publishEntry("serval.seed", Long.toString(seed));
    Random random = new Random(seed);
    for (int round = 0; round < 200; round++) {
      disturbed(random);
    }
  }

  private static void disturbed(Random random) {
    AttentionWindow window = new AttentionWindow.Sliding(1 + random.nextInt(12));
    List<AttentionWindow> windows =
        random.nextBoolean() ? DrivenEngine.ALL : List.of(window, AttentionWindow.NONE);
    DrivenEngine driven =
        new Setup()
            .blocks(20 + random.nextInt(30), 1 + random.nextInt(5))
            .windows(windows)
            .limits(8 + random.nextInt(24), 1 + random.nextInt(8))
            .context(40)
            .swap(random.nextInt(2) * 10)
            .cost(batch -> MILLISECOND + random.nextInt(1 + 1000 * batch.rows()))
            .draft(
                1 + random.nextInt(7),
                (sequence, draft, most) -> {
                  int count = 1 + random.nextInt(most);
                  knowing(windows, sequence, draft, count);
                  if (random.nextBoolean()) {
                    draft[random.nextInt(count)] = random.nextInt(VOCABULARY);
                  }
                  return random.nextInt(4) == 0 ? 0 : count;
                })
            .engine();
    int longest = driven.cache.demand().longest(driven.cache.totalBlocks(), 40);
    List<int[]> prompts = new ArrayList<>();
    List<Halting> sinks = new ArrayList<>();
    List<EngineSequence> sequences = new ArrayList<>();
    List<Integer> counts = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      int length = 1 + random.nextInt(longest / 2);
      prompts.add(prompt(random.nextInt(4), length));
      counts.add(1 + random.nextInt(longest - length));
      sinks.add(new Halting(random.nextInt(20)));
      sequences.add(driven.submit(prompts.get(i), counts.get(i), sinks.get(i)));
      driven.steps(random.nextInt(4));
    }
    for (boolean busy = true; busy; ) {
      busy = driven.step();
      for (int i = 0; i < sequences.size(); i++) {
        if (sinks.get(i).halts() && random.nextInt(3) == 0) {
          sinks.get(i).goesOn();
          sequences.get(i).resume();
          busy = true;
        }
        busy |= !sinks.get(i).hasEnded();
      }
    }
    for (int i = 0; i < sequences.size(); i++) {
      assertThat(sinks.get(i).tokens()).isEqualTo(expected(windows, prompts.get(i), counts.get(i)));
    }
    assertThat(driven.cache.freeBlocks()).isEqualTo(driven.cache.totalBlocks());
  }

  /** Pauses once, after so many tokens. */
  private static final class Halting extends CollectingSink {
    private final int after;
    private boolean halts;

    Halting(int after) {
      this.after = after;
    }

    @Override
    protected Verdict verdict(SampledToken token) {
      halts = tokens().length == after;
      return halts ? Verdict.PAUSE : Verdict.CONTINUE;
    }

    boolean halts() {
      return halts && !hasEnded();
    }

    void goesOn() {
      halts = false;
    }
  }
}
