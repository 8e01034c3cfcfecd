print("warifu")
