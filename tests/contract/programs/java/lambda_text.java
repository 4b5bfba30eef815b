public class Tabs {
	public static void main(String[] args) {
		Object é = () -> 1;	/* a tab and a letter */ }
}
