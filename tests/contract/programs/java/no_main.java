public class NoMain { void other() {} }
