import pickle


class Point:
    def __init__(self):
        self.x = 1


print(pickle.loads(pickle.dumps(Point())).x, Point.__module__, Point)
