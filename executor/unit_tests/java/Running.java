package precieux;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/** Reports the tests to the executor, one after the other, as JUnit runs them. */
final class Running implements TestExecutionListener {
    private final Relay relay;
    private final Report report;
    private final Written written;
    private final Map<String, List<?>> chosen;
    private final Set<String> ended = new HashSet<>();
    private TestPlan plan;
    private RunningTest current;
    /** The test that has ended last. It is reported when it is clear that no `@AfterAll` fails. */
    private RunningTest last;

    Running(Relay relay, Report report, Written written, Map<String, List<?>> chosen) {
        this.relay = relay;
        this.report = report;
        this.written = written;
        this.chosen = chosen;
    }

    @Override
    public void testPlanExecutionStarted(TestPlan started) {
        plan = started;
    }

    @Override
    public void executionStarted(TestIdentifier identifier) {
        if (isWhole(identifier)) begin(identifier);
    }

    @Override
    public void executionFinished(TestIdentifier identifier, TestExecutionResult result) {
        boolean isGood = result.getStatus() == TestExecutionResult.Status.SUCCESSFUL;
        if (isWhole(identifier)) {
            if (identifier.isTest() || !isGood) current.note(result);
            end(identifier);
        } else if (current != null) {
            if (identifier.isTest() || !isGood) current.note(result);
        } else if (!isGood && !endAll(identifier, test -> test.note(result)) && last != null) {
            last.note(result);
        }
    }

    @Override
    public void testPlanExecutionFinished(TestPlan finished) {
        reportLast();
    }

    @Override
    public void executionSkipped(TestIdentifier identifier, String reason) {
        if (current != null) current.skip(reason);
        else endAll(identifier, test -> test.skip(reason));
    }

    /** A way in which tests end that have not begun. */
    private interface Ending {
        void end(RunningTest test);
    }

    /** Ends the tests of a class that have not begun. Returns false if there are none. */
    private boolean endAll(TestIdentifier identifier, Ending ending) {
        if (isWhole(identifier)) {
            if (ended.contains(identifier.getUniqueId())) return false;
            begin(identifier);
            ending.end(current);
            end(identifier);
            return true;
        }
        boolean hasEnded = false;
        for (TestIdentifier child : plan.getChildren(identifier)) hasEnded |= endAll(child, ending);
        return hasEnded;
    }

    private void begin(TestIdentifier identifier) {
        reportLast();
        List<?> entry = chosen.get(Listing.keyOf((MethodSource) identifier.getSource().get()));
        current = new RunningTest(relay, (Long) entry.get(0), ((Number) entry.get(3)).doubleValue(), report);
    }

    private void end(TestIdentifier identifier) {
        ended.add(identifier.getUniqueId());
        last = current;
        current = null;
        if (!relay.isBusy()) return;
        reportLast();
        Report.leave(1); // a thread of the test waits for an answer: the next one gets other boxes
    }

    private void reportLast() {
        if (last != null) last.end(report, written);
        last = null;
    }

    /** Returns true for a test of the list; a case of one with parameters is a part of it. */
    private boolean isWhole(TestIdentifier identifier) {
        Object source = identifier.getSource().orElse(null);
        if (!(source instanceof MethodSource)) return false;
        TestIdentifier parent = plan.getParent(identifier).orElse(null);
        return parent == null || !(parent.getSource().orElse(null) instanceof MethodSource);
    }
}
