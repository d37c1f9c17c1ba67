/**
 * Contract tests: {@code XContract} is what every implementation of {@code X} keeps to. An
 * implementation's module extends it and gives the implementation; its tests are inherited.
 *
 * <p>The other public types here are what contracts look through, of use to tests beside them too:
 * {@link dev.serval.testkit.CollectingSink} hears a sequence, {@link
 * dev.serval.testkit.ThreadMeter} reads what threads have used.
 */
package dev.serval.testkit;
