/**
 * Contract tests: {@code XContract} is what every implementation of {@code X} keeps to. An
 * implementation's module extends it and gives the implementation; its tests are inherited.
 */
package dev.serval.testkit;
