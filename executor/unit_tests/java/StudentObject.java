package precieux;

/** An object of the student's for which the tests declare no interface. */
public final class StudentObject {
    final Handle handle;

    StudentObject(Handle handle) {
        this.handle = handle;
    }

    /** Returns the same object with the methods of an interface. */
    public <T> T as(Class<T> type) {
        return handle.as(type);
    }

    @Override
    public boolean equals(Object other) {
        return handle.equalsStudent(other);
    }

    @Override
    public int hashCode() {
        return handle.ask(int.class, "hashCode");
    }

    @Override
    public String toString() {
        return handle.ask(String.class, "toString");
    }
}
